// The API as a process, one port an environment: `node --import tsx serving/main.ts --env dev,staging,prod`. Ends in order on
// SIGTERM and SIGINT.
import { parseArgs } from 'node:util';
import { startTraces } from '../adapters/otel/provider.ts';
import { environmentsIn, loadEnvironment } from '../environments/environment.ts';
import { startApi } from './server.ts';

const { values } = parseArgs({ options: { env: { type: 'string', default: 'dev' } } });
const environments = environmentsIn(values.env).map((name) => loadEnvironment(name));
const traces = await startTraces('perennial-api', environments[0]?.telemetry.otlp);
const running = await Promise.all(environments.map(startApi));
process.send?.('ready');

const stop = (): void => {
  Promise.all([...running.map(({ close }) => close()), traces.close()]).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
