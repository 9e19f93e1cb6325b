// `perennial down`: every process of the stack is stopped; the data stay, unless they are to be removed.
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { PerennialError } from '../../core/errors.ts';
import { type Environment, loadEnvironment } from '../../environments/environment.ts';
import { purgeStack, stopStack } from '../../workers/stack/index.ts';
import { json } from '../output.ts';

interface DownOptions {
  readonly purge?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  program
    .command('down')
    .description('stop every process of the stack, of all environments; data stay')
    .option('--purge', 'also remove the state directory: lake, database, models, logs')
    .option('--yes', 'do not ask before removing')
    .option('--json', 'print the outcome as JSON')
    .action(async (options: DownOptions) => {
      const environment = loadEnvironment('dev');
      if (options.purge) await confirm(environment, options);
      const outcome = await stopStack(environment);
      if (options.purge) await purgeStack(environment);
      if (options.json) json({ outcome, purged: options.purge === true, home: environment.home });
      else console.log(sentence(environment, outcome, options.purge === true));
    });
};

const sentence = ({ home }: Environment, outcome: 'stopped' | 'nothing ran', purged: boolean): string =>
  `${outcome === 'stopped' ? 'The stack is stopped' : 'No stack was running'}; ${purged ? `${home} is removed.` : `data stay in ${home}.`}`;

// Asked before anything is stopped: a "no" changes nothing.
const confirm = async ({ home }: Environment, { yes, json: asJson }: DownOptions): Promise<void> => {
  if (yes) return;
  if (asJson || !process.stdin.isTTY) {
    throw new PerennialError('INVALID_INPUT', 'Removing all data needs a confirmation', {
      field: '--purge',
      mend: 'Add --yes.',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(
    `Remove ${home} with lake, database, models and logs of every environment? [y/N] `,
  );
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new PerennialError('INVALID_INPUT', 'Not confirmed: nothing was changed');
};
