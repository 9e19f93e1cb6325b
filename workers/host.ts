// One environment hosted in this process: its workers on both queues, with its own places and account. For main.ts.
import { Context } from '@temporalio/activity';
import { Client, type Connection } from '@temporalio/client';
import { type NativeConnection, Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import { trustExtensions } from '../activities/lake-session.ts';
import type { Environment } from '../environments/environment.ts';
import { queues } from '../workflows/names.ts';
import { buildDeps } from './deps.ts';
import { activityOutcomes } from './metrics.ts';
import { alignSchedules } from './schedules.ts';
import { slotsFor } from './slots.ts';
import { publishTemplates } from './templates.ts';
import { activityTraces } from './tracing.ts';
import type { Turns } from './turns.ts';

export interface Shared {
  readonly native: NativeConnection;
  readonly connection: Connection;
  readonly bundle: string;
  /** Whose turn it is to fill the cores. */
  readonly turns: Turns;
}

export interface Hosted {
  /** Resolves when its workers were shut down. */
  run(): Promise<void>;
  close(): Promise<void>;
}

/** Ready to run: everything it needs has answered. */
export const hostEnvironment = async (environment: Environment, shared: Shared): Promise<Hosted> => {
  const { namespace } = environment.temporal;
  const slots = slotsFor(environment.computeSlots);
  const rest = () => {
    const step = Context.current();
    shared.turns.rest(step);
    slots.rest(step);
  };
  const deps = await buildDeps(environment, rest);
  await trustExtensions(deps);
  const activities = createActivities(deps);
  const watched = [activityOutcomes, ...activityTraces(environment)];
  const options = {
    connection: shared.native,
    namespace,
    activities,
    shutdownGraceTime: '2s',
    maxHeartbeatThrottleInterval: '1s',
  } as const;
  const light = Worker.create({
    ...options,
    taskQueue: queues.light,
    workflowBundle: { codePath: shared.bundle },
    maxConcurrentActivityTaskExecutions: 4,
    maxCachedWorkflows: 200,
    // A killed worker's workflows are waited for so long before another takes them over.
    stickyQueueScheduleToStartTimeout: '3s',
    interceptors: { activity: watched },
  });
  const compute = Worker.create({
    ...options,
    taskQueue: queues.compute,
    tuner: {
      activityTaskSlotSupplier: slots.supplier,
      // There are none of these on this queue.
      workflowTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
      localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
      nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    },
    // Those who wait for their turn are not at work yet.
    interceptors: { activity: [slots.interceptor, shared.turns.interceptor, ...watched] },
  });
  const workers = await Promise.all([light, compute]);
  const client = new Client({ connection: shared.connection, namespace });
  await publishTemplates(client);
  await alignSchedules(environment, client);
  return {
    run: async () => {
      await Promise.all(workers.map((worker) => worker.run()));
    },
    close: async () => {
      await deps.lower?.close();
      await deps.pool.end();
    },
  };
};
