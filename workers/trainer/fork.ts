// Runs one job in a forked child: killed on cancellation, its death reported as such and worth a retry. For training and judging.
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { type ErrorCode, PerennialError } from '../../core/errors.ts';
import type { JobOptions } from '../../core/learning/job.ts';

/** By full address: a bare `tsx` would be looked up from the working directory. */
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const STDERR_KEPT = 2_000;

export const JobMessage = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('progress'),
    stage: z.string(),
    done: z.number(),
    total: z.number(),
    unit: z.string(),
  }),
  z.strictObject({ kind: z.literal('done'), result: z.unknown() }),
  z.strictObject({ kind: z.literal('failed'), code: z.string().optional(), message: z.string() }),
]);
export type JobMessage = z.infer<typeof JobMessage>;

export interface Job<Result> {
  /** The child's source file. */
  readonly child: string;
  /** A child is started while its request is still being made ready. */
  readonly request: object | Promise<object>;
  readonly result: z.ZodType<Result>;
}

/** The child's answer. Aborting kills it at once; throws `CHILD_DIED` (retryable) if it dies otherwise. */
export const runJob = async <Result>(job: Job<Result>, options: JobOptions): Promise<Result> => {
  try {
    return job.result.parse(await inChild(job, options));
  } finally {
    // Whoever is told of a failure may clear away what the request was being made from.
    await Promise.allSettled([job.request]);
  }
};

const inChild = async ({ child: file, request }: Job<unknown>, options: JobOptions): Promise<unknown> => {
  options.signal.throwIfAborted();
  const child = fork(file, [], {
    execPath: process.execPath,
    execArgv: ['--import', TSX],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  options.signal.addEventListener('abort', kill, { once: true });
  try {
    return await talk(child, request, options);
  } finally {
    options.signal.removeEventListener('abort', kill);
    kill();
  }
};

/** Settles when the child has ended, so that nothing of it runs on afterwards. */
const talk = (
  child: ChildProcess,
  request: Job<unknown>['request'],
  { signal, onProgress }: JobOptions,
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    let answer: Exclude<JobMessage, { kind: 'progress' }> | undefined;
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT);
    });
    child.on('message', (message) => {
      const said = JobMessage.safeParse(message);
      if (!said.success) reject(said.error);
      else if (said.data.kind === 'progress') onProgress(said.data);
      else answer = said.data;
    });
    child.once('error', (cause) => reject(died('The child process could not be started', cause)));
    child.once('close', (code, killedBy) => {
      if (answer?.kind === 'done') resolve(answer.result);
      else if (signal.aborted) reject(signal.reason);
      else if (answer?.kind === 'failed') reject(failure(answer));
      else reject(died(`The child process ended by ${killedBy ?? `exit code ${code}`}. ${stderr}`.trim()));
    });
    const send = (ready: object) =>
      child.send(ready, (cause) => {
        if (cause !== null) reject(died('The child process took no request', cause));
      });
    Promise.resolve(request).then(send).catch(reject);
  });

const died = (message: string, cause?: unknown): PerennialError =>
  new PerennialError('CHILD_DIED', message, cause === undefined ? {} : { cause });

/** What the child threw on purpose keeps its code; anything else may pass on a retry. */
const failure = ({ code, message }: { code?: string | undefined; message: string }): PerennialError =>
  new PerennialError((code as ErrorCode | undefined) ?? 'UNAVAILABLE', message);

/** The child's side: takes one request, does it, answers, and ends; it ends too when its parent is gone. */
export const serveJob = <Request>(
  schema: z.ZodType<Request>,
  work: (
    request: Request,
    tell: (progress: Omit<Extract<JobMessage, { kind: 'progress' }>, 'kind'>) => Promise<void>,
  ) => Promise<unknown>,
): void => {
  // An orphan must not go on burning the cores: the next attempt starts from what was kept.
  process.once('disconnect', () => process.exit());
  process.once('message', async (message) => {
    try {
      const result = await work(schema.parse(message), (progress) => send({ kind: 'progress', ...progress }));
      await send({ kind: 'done', result });
    } catch (error) {
      const code =
        error instanceof PerennialError
          ? { code: error.code }
          : error instanceof z.ZodError
            ? { code: 'INVALID_INPUT' }
            : {};
      await send({ kind: 'failed', message: error instanceof Error ? error.message : String(error), ...code });
    }
    process.disconnect?.();
  });
};

/** Waits until the message is out: that also lets a busy child notice that its parent is gone. */
const send = (message: JobMessage): Promise<void> =>
  new Promise((resolve, reject) => {
    if (process.send === undefined)
      reject(new PerennialError('INVALID_INPUT', 'This program runs as a forked child only'));
    else process.send(message, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
