// A worker process: one environment, two task queues. Start as many as there are machines; the supervisor restarts one that dies.
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import { loadEnvironment } from '../environments/environment.ts';
import { queues } from '../workflows/names.ts';
import { workflowBundle } from './bundle.ts';
import { buildDeps } from './deps.ts';
import { publishTemplates } from './templates.ts';

const { values } = parseArgs({ options: { env: { type: 'string', default: 'dev' } } });
const environment = loadEnvironment(values.env);

Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: ['SIGINT', 'SIGTERM'] });
const deps = await buildDeps(environment);
const connection = await NativeConnection.connect({ address: environment.temporal.address });
const activities = createActivities(deps);
const shared = {
  connection,
  namespace: environment.temporal.namespace,
  shutdownGraceTime: '2s',
  maxHeartbeatThrottleInterval: '1s',
} as const;

const light = Worker.create({
  ...shared,
  taskQueue: queues.light,
  workflowBundle: { codePath: (await workflowBundle(environment.root, environment.cache)).codePath },
  activities,
  maxConcurrentActivityTaskExecutions: 4,
  maxCachedWorkflows: 200,
});
const compute = Worker.create({
  ...shared,
  taskQueue: queues.compute,
  activities,
  // Heavy steps fill the cores by themselves: two at once are slower than one after the other.
  maxConcurrentActivityTaskExecutions: 1,
});

const workers = await Promise.all([light, compute]);
const client = new Client({
  connection: await Connection.connect({ address: environment.temporal.address }),
  namespace: environment.temporal.namespace,
});
await publishTemplates(client);
console.log(
  `worker of ${environment.name} polls ${queues.light} and ${queues.compute} at ${environment.temporal.address}`,
);
const running = Promise.all(workers.map((worker) => worker.run()));
process.send?.('ready');
await running;
await client.connection.close();
await connection.close();
await deps.pool.end();
