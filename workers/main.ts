// A worker process: one environment or several, two task queues each. Start as many as there are machines; the supervisor restarts one that dies.
import { parseArgs } from 'node:util';
import { Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { startTraces } from '../adapters/otel/provider.ts';
import { environmentsIn, loadEnvironment } from '../environments/environment.ts';
import { workflowBundle } from './bundle.ts';
import { hostEnvironment } from './host.ts';
import { workerTelemetry } from './metrics.ts';
import { turnsFor } from './turns.ts';

const { values } = parseArgs({ options: { env: { type: 'string', default: 'dev' } } });
const environments = environmentsIn(values.env).map((name) => loadEnvironment(name));
const { root, cache, temporal, computeSlots, telemetry } = loadEnvironment(environmentsIn(values.env)[0]);

const traces = await startTraces('perennial-worker', telemetry.otlp);
Runtime.install({
  logger: new DefaultLogger('WARN'),
  shutdownSignals: ['SIGINT', 'SIGTERM'],
  ...workerTelemetry(telemetry.workerMetricsPort),
});
const { address } = temporal;
const shared = {
  native: await NativeConnection.connect({ address }),
  connection: await Connection.connect({ address }),
  bundle: (await workflowBundle(root, cache)).codePath,
  turns: turnsFor(computeSlots),
};
const hosted = await Promise.all(environments.map((environment) => hostEnvironment(environment, shared)));
console.log(`worker of ${values.env} polls at ${address}`);
const running = Promise.all(hosted.map(({ run }) => run()));
process.send?.('ready');
await running;
await shared.connection.close();
await shared.native.close();
for (const { close } of hosted) await close();
await traces.close();
