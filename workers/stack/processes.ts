// Processes as the operating system sees them: alive or not, whose number it is, how much memory. For the stack.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A process that cannot be mistaken for a later one of the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** When it started, in the system's own words. */
  readonly started: string;
}

interface ProcessRow extends ProcessMark {
  readonly parent: number;
  readonly bytes: number;
}

/** The mark of a running process; undefined where there is none (a zombie is none). */
export const markOf = async (pid: number): Promise<ProcessMark | undefined> => {
  const row = platform() === 'linux' ? await linuxRow(pid) : (await listed()).find((each) => each.pid === pid);
  return row === undefined ? undefined : { pid, started: row.started };
};

/** True while that very process runs. */
export const isAlive = async (mark: ProcessMark | undefined): Promise<boolean> =>
  mark !== undefined && (await markOf(mark.pid))?.started === mark.started;

/** Resident bytes of a process and, by default, everything below it. Shared pages count in each. */
export const memoryOf = async (pid: number, withBelow = true): Promise<number> => {
  const rows = platform() === 'linux' ? await linuxRows() : await listed();
  const below = (parent: number): number =>
    rows.filter((row) => row.parent === parent).reduce((sum, row) => sum + row.bytes + below(row.pid), 0);
  return (rows.find((row) => row.pid === pid)?.bytes ?? 0) + (withBelow ? below(pid) : 0);
};

/** Asks a process to end, waits, and ends it by force after `graceMs`. Resolves once it is gone. */
export const terminate = async (
  mark: ProcessMark,
  graceMs: number,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> => {
  await send(mark, signal);
  if (await gone(mark, graceMs)) return;
  await send(mark, 'SIGKILL');
  await gone(mark, 10_000);
};

const gone = async (mark: ProcessMark, withinMs: number): Promise<boolean> => {
  const until = Date.now() + withinMs;
  while (await isAlive(mark)) {
    if (Date.now() > until) return false;
    await sleep(50);
  }
  return true;
};

const send = async (mark: ProcessMark, signal: NodeJS.Signals): Promise<void> => {
  if (!(await isAlive(mark))) return;
  try {
    process.kill(mark.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

const linuxRows = async (): Promise<ProcessRow[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(linuxRow))).filter((row) => row !== undefined);
};

// /proc/<pid>/stat: the name in brackets may hold anything, so fields are counted from its end (state is the third of all).
const linuxRow = async (pid: number): Promise<ProcessRow | undefined> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, parent: Number(fields[1]), started: fields[19] ?? '', bytes: Number(fields[21]) * 4096 };
};

const listed = async (): Promise<ProcessRow[]> => {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,rss=,stat=,lstart=']);
  return stdout.split('\n').flatMap((line) => {
    const [pid, parent, kilobytes, state, ...started] = line.trim().split(/\s+/);
    if (state === undefined || state.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), bytes: Number(kilobytes) * 1024, started: started.join(' ') }];
  });
};
