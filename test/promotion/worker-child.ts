// A process that does an environment's activities and kills itself where it is told to. The promotion's id says where: `…@copyBytes+remind`
// is killed once at every labelled point of those two activities, and nowhere else.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { Context } from '@temporalio/activity';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { CrashPoint } from '../../activities/deps.ts';
import { createActivities } from '../../activities/index.ts';
import { isEnvironmentName, loadEnvironment } from '../../environments/environment.ts';
import { buildDeps } from '../../workers/deps.ts';
import { queues } from '../../workflows/names.ts';

const [name = '', marks = ''] = process.argv.slice(2);
if (!isEnvironmentName(name)) throw new Error(`no environment ${name}`);
mkdirSync(marks, { recursive: true });

const crash: CrashPoint = (point) => {
  const { activityType, workflowExecution } = Context.current().info;
  const victims = workflowExecution?.workflowId.split('@')[1]?.split('+') ?? [];
  if (!victims.includes(activityType)) return;
  const mark = path.join(marks, `${activityType}.${point}`);
  if (existsSync(mark)) return;
  const file = openSync(mark, 'wx');
  fsyncSync(file);
  closeSync(file);
  process.kill(process.pid, 'SIGKILL');
};

Runtime.install({ logger: new DefaultLogger('ERROR') });
const environment = loadEnvironment(name);
const deps = await buildDeps(environment);
const connection = await NativeConnection.connect({ address: environment.temporal.address });
// Somebody must approve, here as in prod.
const activities = createActivities({ ...deps, crash, policy: { ...deps.policy, approvals: 1 } });
const shared = {
  connection,
  namespace: environment.temporal.namespace,
  activities,
  maxHeartbeatThrottleInterval: '1s',
} as const;
const workers = await Promise.all(
  Object.values(queues).map((taskQueue) =>
    Worker.create({ ...shared, taskQueue, maxConcurrentActivityTaskExecutions: 4 }),
  ),
);
process.once('disconnect', () => process.exit());
process.send?.('ready');
await Promise.all(workers.map((worker) => worker.run()));
