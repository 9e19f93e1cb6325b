// A real stack in a temporary home on free ports, for tests of every kind. It ends with the test process, whatever happens.
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Environment, type EnvironmentName, loadEnvironment } from '../../environments/environment.ts';
import { type GivenSettings, settingNames } from '../../environments/settings.ts';
import { purgeStack, type StartedStack, startStack, stopStack } from '../../workers/stack/index.ts';
import { freePorts } from '../../workers/stack/ports.ts';
import type { PartName } from '../../workers/stack/run-file.ts';

export interface TestStack {
  readonly environment: Environment;
  readonly started: StartedStack;
  /** Stops every process and removes the home. */
  stop(): Promise<void>;
}

/** An environment of its own: temporary home, free ports, nothing from the caller's DATABASE_URL or like variables. */
export const testEnvironment = async (settings: GivenSettings = {}): Promise<Environment> => {
  const home = await mkdtemp(join(tmpdir(), 'perennial-'));
  // Run by root, the database belongs to another user, who must get in.
  await chmod(home, 0o755);
  const [postgres, temporal, ui, mlflow, api, apiOfStaging, apiOfProd] = await freePorts(7);
  return loadEnvironment('dev', {
    DATABASE_URL: '',
    TEMPORAL_ADDRESS: '',
    TEMPORAL_UI_URL: '',
    MLFLOW_TRACKING_URI: '',
    PERENNIAL_LAKE_PATH: '',
    PERENNIAL_ACCOUNTS: '',
    PERENNIAL_REDIS_URL: '',
    // Tests at two in the morning are tests like others.
    PERENNIAL_SCHEDULES: 'paused',
    // What is tested elsewhere must not stand in the way here.
    PERENNIAL_API_RATE_LIMIT: 1_000_000,
    ...Object.fromEntries(settingNames.filter((name) => name.includes('PASSWORD')).map((name) => [name, ''])),
    PERENNIAL_HOME: home,
    PERENNIAL_PORT_POSTGRES: postgres ?? 0,
    PERENNIAL_PORT_TEMPORAL: temporal ?? 0,
    PERENNIAL_PORT_TEMPORAL_UI: ui ?? 0,
    PERENNIAL_PORT_MLFLOW: mlflow ?? 0,
    PERENNIAL_PORT_API: api ?? 0,
    PERENNIAL_PORT_API_STAGING: apiOfStaging ?? 0,
    PERENNIAL_PORT_API_PROD: apiOfProd ?? 0,
    ...settings,
  });
};

/** Starts the given parts (Postgres alone takes about two seconds) and resolves once they answer. Worker and API serve `dev` unless told otherwise. */
export const startTestStack = async (
  parts: readonly PartName[] = ['postgres', 'temporal', 'mlflow'],
  settings: GivenSettings = {},
  { environments = ['dev'] }: { readonly environments?: readonly EnvironmentName[] } = {},
): Promise<TestStack> => {
  const environment = await testEnvironment(settings);
  const clear = async () => {
    await stopStack(environment);
    await purgeStack(environment);
  };
  try {
    const started = await startStack(environment, { parts, environments, owner: process.pid });
    return { environment, started, stop: clear };
  } catch (error) {
    await clear();
    throw error;
  }
};
