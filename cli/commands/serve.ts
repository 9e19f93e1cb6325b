// `perennial serve`: the API of an environment in the foreground, until it is interrupted.
import type { Command } from 'commander';
import { loadEnvironment, requireEnvironment } from '../../environments/environment.ts';
import { apiPortSettings } from '../../environments/settings.ts';
import { json } from '../output.ts';

export const register = (program: Command): void => {
  program
    .command('serve')
    .description('answer predictions and pages over HTTP, in the foreground (the stack of `up` runs one already)')
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .option('--port <n>', 'listen on this port instead of the environment’s')
    .option('--json', 'print the address as JSON')
    .addHelpText(
      'after',
      '\nGET /health /models /openapi.json /predict/<model>/<entity> /<env>/<use case>[/<page>] · POST /predict /predict/batch /explain · /v2 (Open Inference Protocol)',
    )
    .action(async (options: { env: string; port?: string; json?: boolean }) => {
      const name = requireEnvironment(options.env);
      const settings = options.port === undefined ? {} : { [apiPortSettings[name]]: options.port };
      // Loaded here, so that the other commands do not pay for the server's libraries.
      const { startApi } = await import('../../serving/server.ts');
      const api = await startApi(loadEnvironment(name, settings));
      if (options.json) json({ url: api.url });
      else console.log(`Answers at ${api.url} · interrupt to stop`);
      await interrupted();
      await api.close();
    });
};

const interrupted = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
