// The schedules of an environment, from its files into Temporal. For the worker at its start and for the command line.
import type { Client } from '@temporalio/client';
import { type Reconciled, reconcileSchedules } from '../adapters/temporal/schedules.ts';
import type { Environment } from '../environments/environment.ts';
import { schedulesOf } from '../environments/schedules/index.ts';
import { queues } from '../workflows/names.ts';

/** Idempotent. @throws PerennialError INVALID_INPUT naming the schedule whose file is wrong. */
export const alignSchedules = ({ name, schedules }: Environment, client: Client): Promise<Reconciled> =>
  reconcileSchedules(client, schedulesOf(name), { taskQueue: queues.light, paused: schedules === 'paused' });
