// The local stack: Postgres, Temporal, MLflow, worker and API under one supervisor. For the command line, the demo and tests.
import { rm } from 'node:fs/promises';
import { postgresServer } from '../../adapters/postgres/server.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Environment } from '../../environments/environment.ts';
import { runningStack } from './control.ts';
import { clusterDirectory } from './parts.ts';

export { type StartedStack, type StartOptions, startStack, stopStack } from './control.ts';
export { type PartName, type PartReport, partNames } from './run-file.ts';
export { type SetUpReport, type SetUpStep, setUp, setUpSteps } from './setup.ts';
export { type PartStatus, type StackStatus, stackStatus } from './status.ts';

/** Removes the state directory with all data in it. @throws PerennialError CONFLICT while a stack runs there. */
export const purgeStack = async (environment: Environment): Promise<void> => {
  const { home, postgres, owner } = environment;
  if ((await runningStack(home)) !== undefined) {
    throw new PerennialError('CONFLICT', 'The stack still runs', {
      field: 'home',
      value: home,
      mend: 'Stop it first.',
    });
  }
  if (!postgres.external) await postgresServer(clusterDirectory(home), owner).purge();
  await rm(home, { recursive: true, force: true });
};
