// Starting and stopping a stack from outside: the supervisor does the work, these two speak with it. For up, down and tests.
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { PerennialError } from '../../core/errors.ts';
import { childVariables, type Environment, type EnvironmentName, settingsOf } from '../../environments/environment.ts';
import { logFile, openLog, tail } from './logs.ts';
import { partsOf } from './parts.ts';
import { requireFree } from './ports.ts';
import { isAlive, markOf, type ProcessMark, terminate } from './processes.ts';
import { type PartName, type PartReport, partNames, type RunFile, readRunFile, removeRunFile } from './run-file.ts';

export interface StartOptions {
  /** Default: all. */
  readonly parts?: readonly PartName[];
  /** Those that worker and API serve. Default: the environment given, alone. */
  readonly environments?: readonly EnvironmentName[];
  /** Told at every change of a part. */
  readonly onChange?: (part: PartReport) => void;
  /** End the stack when this process ends; for tests. */
  readonly owner?: number;
}

export interface StartedStack {
  readonly reused: boolean;
  readonly parts: readonly PartReport[];
}

/**
 * Starts the stack of `environment.home`, or reuses the one that runs. Resolves once every part is up.
 * @throws PerennialError CONFLICT (a port is taken, or a stack with fewer parts runs) or UNAVAILABLE (with the end of the log).
 */
export const startStack = async (environment: Environment, options: StartOptions = {}): Promise<StartedStack> => {
  const names = options.parts ?? partNames;
  const environments = options.environments ?? [environment.name];
  const running = await runningStack(environment.home);
  if (running !== undefined) {
    requireAll(running, names, environments);
    const { parts } = await untilUp(environment.home, running.supervisor, options.onChange);
    return { reused: true, parts };
  }
  await healLeftovers(environment.home);
  const table = partsOf(environment, environments);
  await requireFree(names.flatMap((name) => (table[name].external ? [] : table[name].ports)));
  const supervisor = await spawnSupervisor(environment, environments, names, options.owner);
  const { parts } = await untilUp(environment.home, supervisor, options.onChange);
  return { reused: false, parts };
};

/** Stops the stack, if one runs, in order; resolves once no process of it is left. Data stays. */
export const stopStack = async (environment: Environment): Promise<'stopped' | 'nothing ran'> => {
  const running = await runningStack(environment.home);
  if (running !== undefined) await terminate(running.supervisor, 90_000);
  const leftovers = await healLeftovers(environment.home);
  return running === undefined && leftovers === 0 ? 'nothing ran' : 'stopped';
};

/** The run file of a stack whose supervisor is alive. */
export const runningStack = async (home: string): Promise<RunFile | undefined> => {
  const found = await readRunFile(home);
  return found !== undefined && (await isAlive(found.supervisor)) ? found : undefined;
};

// After a supervisor was killed its parts live on; they are ended by their marks, never by a number that may be someone else's.
const healLeftovers = async (home: string): Promise<number> => {
  const marks = ((await readRunFile(home))?.parts ?? []).flatMap((part) => part.process ?? []);
  const alive: ProcessMark[] = [];
  for (const mark of marks) if (await isAlive(mark)) alive.push(mark);
  // The last started first: Postgres is the first part of the list.
  for (const mark of alive.reverse()) await terminate(mark, 20_000, 'SIGINT');
  await removeRunFile(home);
  return alive.length;
};

const requireAll = (running: RunFile, names: readonly PartName[], environments: readonly EnvironmentName[]): void => {
  const there = new Set<string>([...running.parts.map((part) => part.name), ...running.environments]);
  const absent = [...names, ...environments].filter((name) => !there.has(name));
  if (absent.length === 0) return;
  throw new PerennialError('CONFLICT', `A stack already runs here, without ${absent.join(' and ')}`, {
    mend: 'Run `perennial down`, then `perennial up` again.',
  });
};

const spawnSupervisor = async (
  environment: Environment,
  environments: readonly EnvironmentName[],
  names: readonly PartName[],
  owner: number | undefined,
): Promise<ProcessMark> => {
  const { home, root } = environment;
  await mkdir(home, { recursive: true });
  const output = await openLog(logFile(home, 'supervisor'));
  const args = [
    '--import',
    'tsx',
    'workers/stack/supervisor.ts',
    '--env',
    environments.join(),
    '--parts',
    names.join(','),
  ];
  const child = spawn(process.execPath, [...args, ...(owner === undefined ? [] : ['--owner', String(owner)])], {
    cwd: root,
    detached: true,
    env: childVariables(settingsOf(environment)),
    stdio: ['ignore', output.fd, output.fd],
  });
  child.unref();
  await output.close();
  const mark = child.pid === undefined ? undefined : await markOf(child.pid);
  if (mark === undefined) throw await supervisorDied(home);
  return mark;
};

const untilUp = async (home: string, supervisor: ProcessMark, onChange: StartOptions['onChange']): Promise<RunFile> => {
  const seen = new Map<PartName, string>();
  for (;;) {
    const alive = await isAlive(supervisor);
    const found = await readRunFile(home);
    for (const part of found?.parts ?? []) {
      const text = JSON.stringify(part);
      if (seen.get(part.name) !== text) onChange?.(part);
      seen.set(part.name, text);
    }
    if (found?.state === 'up' && alive) return found;
    if (!alive) throw await didNotComeUp(home, found);
    await sleep(100);
  }
};

const didNotComeUp = async (home: string, found: RunFile | undefined): Promise<PerennialError> => {
  const part = found?.parts.find(({ state }) => state === 'failed');
  if (part === undefined) return supervisorDied(home);
  const lines = await tail(part.log, 12);
  return new PerennialError(
    'UNAVAILABLE',
    `${part.name} did not come up: ${part.problem ?? 'unknown reason'}\n${lines.join('\n')}\n`,
    {
      field: 'log',
      value: part.log,
      mend: 'Mend what the log names and run `perennial up` again.',
    },
  );
};

const supervisorDied = async (home: string): Promise<PerennialError> => {
  const log = logFile(home, 'supervisor');
  return new PerennialError(
    'UNAVAILABLE',
    `The supervisor ended before the stack was up:\n${(await tail(log, 12)).join('\n')}\n`,
    {
      field: 'log',
      value: log,
    },
  );
};
