// Follows a run until it ends: each stage as it begins and ends, and a line with progress, rate and time to go while it works.
import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import pc from 'picocolors';
import type { Pulse } from '../activities/heartbeat.ts';
import type { RunProgress } from '../core/run.ts';
import type { Part } from '../workflows/stage-board.ts';
import { count, seconds } from './output.ts';

const EVERY_MS = 500;
/** temporal.api.enums.v1.PendingActivityState: on a worker, not in its queue. */
const AT_WORK = 2;

/** Resolves with the run's result, rejects with its failure; prints to stderr unless `quiet`. */
export const follow = async <Result>(
  client: Client,
  handle: Pick<WorkflowHandle, 'workflowId' | 'query'> & { result(): Promise<Result> },
  quiet: boolean,
): Promise<Result> => {
  const shown = new Map<string, string>();
  const line = quiet ? { write: () => undefined, clear: () => undefined } : liveLine();
  let over = false;
  const result = handle.result().finally(() => {
    over = true;
  });
  const watch = async () => {
    while (!over) {
      const progress = await handle.query<RunProgress, []>('progress').catch(ignoreAbsent);
      if (!quiet && progress) {
        line.clear();
        printStages(progress, shown);
      }
      if (!over) line.write(await present(client, handle.workflowId));
      await new Promise((next) => setTimeout(next, EVERY_MS));
    }
    line.clear();
    const last = quiet ? undefined : await handle.query<RunProgress, []>('progress').catch(ignoreAbsent);
    if (last) printStages(last, shown);
  };
  const [found] = await Promise.all([result, watch()]);
  return found;
};

/** No worker yet, or a query that timed out behind a busy one: the next look will tell. */
export const ignoreAbsent = (error: unknown): undefined => {
  if (error instanceof Error && !(error instanceof TypeError)) return undefined;
  throw error;
};

export const printStages = ({ stages }: RunProgress, shown: Map<string, string>): void => {
  for (const { name, state, note, startedAt, endedAt } of stages) {
    if (state === 'waiting' || shown.get(name) === state || (state === 'running' && shown.has(name))) continue;
    shown.set(name, state);
    if (state === 'running') continue;
    const mark = { done: pc.green('✔'), skipped: pc.dim('–'), failed: pc.red('✘') }[state];
    const took = startedAt !== undefined && endedAt !== undefined ? pc.dim(` ${seconds(endedAt - startedAt)}`) : '';
    console.error(`${mark} ${name.padEnd(10)}${took.padEnd(18)} ${note.replace(/\[(.*?)\]\((.*?)\)/g, '$2')}`);
  }
};

/** The innermost step at work: which, how far, how fast, how long to go. */
const present = async (client: Client, workflowId: string): Promise<string> => {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const child = raw.pendingChildren?.[0]?.workflowId;
  if (child) {
    const part = await client.workflow.getHandle(child).query<Part, []>('part').catch(ignoreAbsent);
    const inner = await present(client, child).catch(gone);
    return part ? `${part.now} (${part.done}/${part.total})${inner.startsWith(' ') ? inner : ` ${inner}`}` : inner;
  }
  const pending = raw.pendingActivities ?? [];
  const activity = pending.find(({ state }) => state === AT_WORK) ?? pending[0];
  if (!activity) return '';
  const payload = activity.heartbeatDetails?.payloads?.[0]?.data;
  const pulse: Pulse | undefined = payload ? JSON.parse(Buffer.from(payload).toString('utf8')) : undefined;
  const retry = (activity.attempt ?? 1) > 1 ? pc.yellow(` attempt ${activity.attempt}`) : '';
  return `${pulse?.stage ?? activity.activityType?.name ?? ''}${measured(pulse)}${retry}`;
};

const gone = (error: unknown): string => {
  if (error instanceof WorkflowNotFoundError) return '';
  throw error;
};

const measured = (pulse: Pulse | undefined): string => {
  if (!pulse) return '';
  const { done = 0, total = 0, unit = '', elapsedMs } = pulse;
  if (done === 0 || total === 0) return elapsedMs > 2_000 ? ` ${seconds(elapsedMs)}` : '';
  const rate = done / (elapsedMs / 1000);
  return ` ${Math.round((100 * done) / total)} % · ${count(Math.round(rate))} ${unit}/s · ${seconds(((total - done) / rate) * 1000)} to go`;
};

/** One line that is rewritten in place on a terminal, and absent elsewhere. */
const liveLine = () => {
  const tty = process.stderr.isTTY;
  return {
    write: (text: string) => {
      if (tty) process.stderr.write(`\r\x1b[2K  ${pc.cyan('▶')} ${text.slice(0, (process.stderr.columns ?? 80) - 6)}`);
    },
    clear: () => {
      if (tty) process.stderr.write('\r\x1b[2K');
    },
  };
};
