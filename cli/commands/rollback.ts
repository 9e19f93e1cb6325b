// `perennial rollback`: the champion before the present one answers again.
import { randomUUID } from 'node:crypto';
import { type Command, Option } from 'commander';
import pc from 'picocolors';
import type { RollbackInput, RollbackResult } from '../../core/promotion/messages.ts';
import { environmentNames, loadEnvironment } from '../../environments/environment.ts';
import { queues } from '../../workflows/names.ts';
import { json } from '../output.ts';
import { modelOf, osUser } from '../promotion.ts';
import { connect, runPage } from '../temporal-client.ts';

interface Options {
  readonly env: string;
  readonly version?: number;
  readonly by: string;
  readonly why?: string;
  readonly json?: boolean;
}

const REFUSED = 3;

export const register = (program: Command): void => {
  program
    .command('rollback')
    .description('let the champion before the present one answer again (for data versions: `perennial data rollback`)')
    .argument('<model>', '<use-case>/<model>, e.g. ecommerce-intelligence/propensity')
    .addOption(new Option('--env <name>', 'where').choices([...environmentNames]).default('prod'))
    .option('--version <n>', 'back to this version instead; it must have been champion', Number)
    .option('--by <name>', 'who asks (default: the user of this machine)', osUser())
    .option('--why <text>', 'why, for the record')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', '\nExit codes: 0 rolled back · 3 refused: there is nothing to go back to')
    .action(async (name: string, options: Options) => {
      const environment = loadEnvironment(options.env);
      const { version, by, why } = options;
      const input: RollbackInput = {
        ...modelOf(name),
        by,
        ...(version === undefined ? {} : { version }),
        ...(why === undefined ? {} : { why }),
      };
      const client = await connect(environment);
      try {
        const workflowId = `rollback/${name}/${environment.name}/${new Date().toISOString().slice(0, 19)}-${randomUUID().slice(0, 4)}`;
        if (!options.json) console.error(`${workflowId}\n${runPage(environment, workflowId)}`);
        const result = await client.workflow.execute<(given: RollbackInput) => Promise<RollbackResult>>('rollback', {
          workflowId,
          taskQueue: queues.light,
          args: [input],
          staticSummary: `${name} in ${environment.name}: a step back, asked for by ${by}`,
        });
        options.json ? json(result) : console.log(resultText(result));
        process.exitCode = result.status === 'refused' ? REFUSED : 0;
      } finally {
        await client.connection.close();
      }
    });
};

const resultText = ({ status, model, environment, from, to, reasons }: RollbackResult): string =>
  status === 'refused'
    ? `${pc.red('✘')} ${model} in ${environment}: refused\n${reasons.map((reason) => `  - ${reason}`).join('\n')}`
    : `${pc.green('✔')} ${model} in ${environment}: version ${to} answers again, instead of version ${from}`;
