// autocannon with every answer seen: its own histogram is in whole milliseconds and leaves out what was refused.
import autocannon from 'autocannon';

export type OnAnswer = (status: number, ms: number) => void;

/** One run; resolves with autocannon's counts. */
export const load = (options: autocannon.Options, onAnswer: OnAnswer): Promise<autocannon.Result> =>
  new Promise((resolve, reject) => {
    const done = (error: unknown, result: autocannon.Result) => (error ? reject(error) : resolve(result));
    autocannon(options, done).on('response', (_client, status, _bytes, ms) => onAnswer(status, ms));
  });
