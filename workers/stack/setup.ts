// What a machine needs before a stack can start, as steps that say whether they made a thing or found it. For up and tests.
import { join } from 'node:path';
import { extensionFiles } from '../../adapters/duckdb/extensions.ts';
import { postgresServer } from '../../adapters/postgres/server.ts';
import { checkOpenMp, ensureVenv } from '../../adapters/python/venv.ts';
import { fetchTemporal, findTemporal } from '../../adapters/temporal/server.ts';
import { type Environment, searchPath } from '../../environments/environment.ts';
import { clusterDirectory } from './parts.ts';

/** What one step came to, in words: `reused: …`, `built: …`. */
export type StepOutcome = string;

export interface SetUpStep {
  readonly title: string;
  /** Idempotent; `onLine` is told what takes time. */
  run(onLine: (line: string) => void): Promise<StepOutcome>;
}

export interface SetUpReport {
  readonly title: string;
  readonly outcome: StepOutcome;
  readonly seconds: number;
}

/** The steps for one environment; they may run at the same time. A server given by its own address needs no step. */
export const setUpSteps = (environment: Environment): SetUpStep[] => [
  pythonStep(environment),
  ...(environment.temporal.external ? [] : [temporalStep(environment)]),
  ...(environment.postgres.external ? [] : [postgresStep(environment)]),
];

/** Runs every step at once and reports each; for the tests and for callers that draw nothing. @throws PerennialError MISSING_PART */
export const setUp = (
  environment: Environment,
  reporter: (title: string, line: string) => void = () => undefined,
): Promise<SetUpReport[]> =>
  Promise.all(
    setUpSteps(environment).map(async ({ title, run }) => {
      const begin = performance.now();
      const outcome = await run((line) => reporter(title, line));
      reporter(title, outcome);
      return { title, outcome, seconds: (performance.now() - begin) / 1000 };
    }),
  );

const pythonStep = ({ venv, root }: Environment): SetUpStep => ({
  title: 'MLflow, LightGBM library, DuckDB extensions',
  run: async (onLine) => {
    const requirements = join(root, 'adapters/python/requirements.txt');
    const outcome = await ensureVenv({ directory: venv, requirements, onLine });
    if (outcome === 'built') await checkOpenMp(venv);
    await extensionFiles(venv);
    return `${outcome}: ${venv}`;
  },
});

const temporalStep = ({ cache }: Environment): SetUpStep => ({
  title: 'Temporal server',
  run: async (onLine) => {
    const found = await findTemporal(cache, searchPath());
    return found === undefined ? `installed: ${await fetchTemporal(cache, onLine)}` : `reused: ${found}`;
  },
});

const postgresStep = ({ home, owner }: Environment): SetUpStep => ({
  title: 'Postgres cluster',
  run: async () => `${await postgresServer(clusterDirectory(home), owner).prepare()}: ${clusterDirectory(home)}`,
});
