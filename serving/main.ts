// The API as a process: `node --import tsx serving/main.ts --env dev`. Ends in order on SIGTERM and SIGINT.
import { parseArgs } from 'node:util';
import { loadEnvironment } from '../environments/environment.ts';
import { startApi } from './server.ts';

const { values } = parseArgs({ options: { env: { type: 'string', default: 'dev' } } });
const api = await startApi(loadEnvironment(values.env));
process.send?.('ready');

const stop = (): void => {
  api.close().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
