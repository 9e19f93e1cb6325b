// A worker of one environment inside the test's own process, with the real activities: for tests that start workflows without a stack of workers.
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities/index.ts';
import type { Environment } from '../../environments/environment.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import { buildDeps } from '../../workers/deps.ts';
import { queues } from '../../workflows/names.ts';

export interface TestWorkers {
  readonly client: Client;
  /** Runs a workflow to its end. */
  run<Result>(type: string, input: object): Promise<Result>;
  stop(): Promise<void>;
}

let installed = false;

export const startWorkers = async (environment: Environment): Promise<TestWorkers> => {
  if (!installed) Runtime.install({ logger: new DefaultLogger('WARN') });
  installed = true;
  const { address, namespace } = environment.temporal;
  const [connection, native] = [await Connection.connect({ address }), await NativeConnection.connect({ address })];
  const client = new Client({ connection, namespace });
  const deps = await buildDeps(environment);
  const shared = { connection: native, namespace, activities: createActivities(deps) };
  const { codePath } = await workflowBundle(environment.root, environment.cache);
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: queues.light, workflowBundle: { codePath } }),
    Worker.create({ ...shared, taskQueue: queues.compute, maxConcurrentActivityTaskExecutions: 1 }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  let runs = 0;
  return {
    client,
    run: (type, input) => {
      runs += 1;
      return client.workflow.execute(type, {
        workflowId: `test/${type}/${runs}`,
        taskQueue: queues.light,
        args: [input],
        // A step that cannot succeed is retried without end: then this says so.
        workflowExecutionTimeout: '90s',
      });
    },
    stop: async () => {
      for (const worker of workers) worker.shutdown();
      await running;
      await connection.close();
      await native.close();
      await deps.lower?.close();
      await deps.pool.end();
    },
  };
};
