// How a stack does at this moment: each part asked anew, not only remembered. For status and tests.
import type { Environment, EnvironmentName } from '../../environments/environment.ts';
import { runningStack } from './control.ts';
import { type Part, partsOf } from './parts.ts';
import { isAlive, memoryOf } from './processes.ts';
import type { PartName, PartReport } from './run-file.ts';

export interface PartStatus {
  readonly part: PartName | 'supervisor';
  /** `silent`: its process runs but does not answer. */
  readonly state: PartReport['state'] | 'silent';
  readonly pid: number | undefined;
  readonly address: string;
  readonly version: string | undefined;
  /** Resident bytes of the process and those below it. */
  readonly memoryBytes: number | undefined;
  readonly restarts: number;
  readonly log: string | undefined;
  readonly problem: string | undefined;
}

export interface StackStatus {
  readonly environments: readonly EnvironmentName[];
  readonly home: string;
  readonly state: 'down' | 'starting' | 'up' | 'failed' | 'stopping' | 'degraded';
  readonly parts: readonly PartStatus[];
}

const probeMs = 5_000;

/** Never throws because of a part: a part that does not answer is reported so. */
export const stackStatus = async (environment: Environment): Promise<StackStatus> => {
  const { home } = environment;
  const running = await runningStack(home);
  if (running === undefined) return { environments: [], home, state: 'down', parts: [] };
  const table = partsOf(environment, running.environments);
  const parts = await Promise.all(running.parts.map((report) => statusOf(report, table[report.name])));
  const healthy = parts.every(({ state }) => state === 'up');
  const state = running.state === 'up' && !healthy ? 'degraded' : running.state;
  return {
    environments: running.environments,
    home,
    state,
    parts: [await supervisorStatus(running.supervisor.pid), ...parts],
  };
};

const statusOf = async (report: PartReport, part: Part) => {
  const alive = report.external || (await isAlive(report.process));
  const ask = () => part.ask?.() ?? part.probe({ saidReady: true, ageMs: 0 });
  const answers = report.state === 'up' && alive && (await answersInTime(ask()));
  const pid = alive ? report.process?.pid : undefined;
  return {
    part: report.name,
    state: report.state === 'up' && !answers ? ('silent' as const) : report.state,
    pid,
    address: report.address,
    version: report.version,
    memoryBytes: pid === undefined ? undefined : await memoryOf(pid),
    restarts: report.restarts,
    log: report.external ? undefined : report.log,
    problem: report.problem,
  };
};

const answersInTime = (probe: Promise<string>): Promise<boolean> =>
  Promise.race([
    probe.then(
      () => true,
      () => false,
    ),
    new Promise<boolean>((resolve) => setTimeout(resolve, probeMs, false).unref()),
  ]);

// Its own memory alone: what runs below it is listed part by part.
const supervisorStatus = async (pid: number): Promise<PartStatus> => ({
  part: 'supervisor',
  state: 'up',
  pid,
  address: '',
  version: `node ${process.versions.node}`,
  memoryBytes: await memoryOf(pid, false),
  restarts: 0,
  log: undefined,
  problem: undefined,
});
