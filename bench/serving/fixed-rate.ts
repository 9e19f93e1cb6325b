// Requests at a fixed rate, whatever the server does: each is due at its own moment, and its latency counts from then, so that a server
// that stalls is charged for everybody who would have come meanwhile (no coordinated omission).
import { Pool } from 'undici';
import { type Question, spread, type Tally, tally, verdict } from './golden.ts';

export interface FixedRate {
  readonly perSecond: number;
  readonly seconds: number;
  /** Requests at the beginning that are sent but not counted. */
  readonly warmUp: number;
  /** At most so many at once; who finds none free waits, and the clock runs. */
  readonly connections: number;
}

export interface Latencies extends Tally {
  readonly sent: number;
  /** Milliseconds; of those that were answered. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** Of those that were refused; NaN where there was none. */
  readonly refusals: { readonly p50: number; readonly p99: number; readonly max: number };
}

export const atFixedRate = async (
  url: string,
  { perSecond, seconds, warmUp, connections }: FixedRate,
  question: (request: number) => Question,
  principal: (request: number) => Readonly<Record<string, string>>,
): Promise<Latencies> => {
  const pool = new Pool(url, { connections, pipelining: 1 });
  await letIn(pool, connections);
  const counts = tally();
  const answered: number[] = [];
  const refused: number[] = [];
  const total = warmUp + perSecond * seconds;
  const begun = performance.now() + 100;
  const dueAt = (request: number) => begun + (request * 1_000) / perSecond;
  await new Promise<void>((done, failed) => {
    let [next, left] = [0, total];
    const send = (request: number) => {
      const { right, ...asks } = question(request);
      ask(pool, { ...asks, headers: principal(request) }, failed, (status, body) => {
        if (request >= warmUp) {
          const said = verdict(status, () => right(body));
          counts[said] += 1;
          (said === 'refused' ? refused : answered).push(performance.now() - dueAt(request));
        }
        left -= 1;
        if (left === 0) done();
      });
    };
    const sendDue = () => {
      for (; next < total && dueAt(next) <= performance.now(); next += 1) send(next);
      if (next < total) setTimeout(sendDue, 1);
    };
    sendDue();
  });
  await pool.close();
  return { ...counts, sent: answered.length + refused.length, ...spread(answered), refusals: spread(refused) };
};

/** All are connected before the clock runs, as callers that keep their connections are. */
const letIn = async (pool: Pool, connections: number): Promise<void> => {
  const greet = async () => (await pool.request({ method: 'GET', path: '/v2/health/live' })).body.dump();
  await Promise.all(Array.from({ length: connections }, greet));
};

/** Entities in an order that repeats only after all of them: no cache is flattered. */
export const entityOf = (request: number, entities: number): number => (request * 7_919 + 13) % entities;

interface Asks extends Omit<Question, 'right'> {
  readonly headers: Readonly<Record<string, string>>;
}

/** As cheaply as undici can: what the load generator spends, and collects, it takes from the server. */
const ask = (
  pool: Pool,
  { path, body, headers }: Asks,
  failed: (error: Error) => void,
  answered: (status: number, body: string) => void,
): void => {
  let status = 0;
  let said = '';
  const asked = {
    path,
    method: 'POST' as const,
    body,
    headers: { 'content-type': 'application/json', ...headers },
  };
  pool.dispatch(asked, {
    onRequestStart: () => undefined,
    onResponseStart: (_, code) => {
      status = code;
    },
    onResponseData: (_, chunk) => {
      said += chunk.toString('latin1');
    },
    onResponseEnd: () => answered(status, said),
    onResponseError: (_, error) => failed(error),
  });
};
