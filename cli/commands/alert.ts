// `perennial alert`: who is told when something is wrong, and whether they can be reached.
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import pc from 'picocolors';
import type { Alert } from '../../core/alert.ts';
import { PerennialError } from '../../core/errors.ts';
import { type Environment, loadEnvironment } from '../../environments/environment.ts';
import { notifiersOf } from '../../workers/deps.ts';
import { json, table } from '../output.ts';

interface Options {
  readonly env: string;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  const alert = program.command('alert').description('who is told when something is wrong, and whether they hear it');
  const sub = (name: string, about: string, isDefault = false) =>
    alert
      .command(name, { isDefault })
      .description(about)
      .option('--env <name>', 'dev, staging or prod', 'dev')
      .option('--json', 'print as JSON');
  sub('list', 'the receivers, without their secrets; what `perennial alert` means', true).action((options: Options) =>
    list(loadEnvironment(options.env), options),
  );
  sub('test', 'send a harmless alert to every receiver, now')
    .addHelpText('after', '\nExit code 0 where all were reached, 1 otherwise.')
    .action((options: Options) => test(loadEnvironment(options.env), options));
};

const list = ({ receivers }: Environment, { json: asJson }: Options): void => {
  const rows = receivers.map((receiver) => ({
    name: receiver.name,
    kind: receiver.kind,
    from: receiver.from,
    to: receiver.kind === 'webhook' ? new URL(receiver.url).host : receiver.to.join(', '),
  }));
  if (asJson) json(rows);
  else console.log(rows.length === 0 ? pc.dim(NOBODY) : table(rows));
};

const NOBODY = 'Nobody: write <home>/alerts.json, or name another file with PERENNIAL_ALERTS.';

const test = async (environment: Environment, { json: asJson }: Options): Promise<void> => {
  const notifiers = notifiersOf(environment);
  if (notifiers.length === 0)
    throw new PerennialError('NOTHING_TO_DO', 'There are no receivers', {
      field: 'env',
      value: environment.name,
      mend: NOBODY,
    });
  const alert = trial(environment);
  const rows = await Promise.all(
    notifiers.map(async (notifier) => ({
      name: notifier.name,
      outcome: await notifier.deliver(alert, AbortSignal.timeout(30_000)).then(
        () => 'delivered',
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      ),
    })),
  );
  if (asJson) json(rows);
  else console.log(table(rows));
  if (rows.some(({ outcome }) => outcome !== 'delivered')) process.exitCode = 1;
};

const trial = ({ name }: Environment): Alert => ({
  key: `test/${randomUUID()}`,
  environment: name,
  severity: 'info',
  title: 'a test of alerts',
  text: 'Somebody asked whether alerts arrive. This one did; there is nothing to do.',
  at: new Date().toISOString(),
});
