// `perennial promote`: a version of the environment below is asked into this one; the exit code says what came of it.
import { type Command, Option } from 'commander';
import { lowerOf } from '../../core/access.ts';
import type { PromoteInput } from '../../core/promotion/messages.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { json } from '../output.ts';
import {
  championBelow,
  exitCodeOf,
  type Followed,
  followPromotion,
  modelOf,
  osUser,
  resultText,
  startPromotion,
  waitingText,
} from '../promotion.ts';
import { connect, runPage } from '../temporal-client.ts';

const WAITS = 4;

export const register = (program: Command): void => {
  program
    .command('promote')
    .description(
      'ask a version into the next environment: evidence, gates, approval, bytes, registry, champion alias, scores',
    )
    .argument('<model>', '<use-case>/<model>, e.g. ecommerce-intelligence/propensity')
    .addOption(new Option('--to <name>', 'where to').choices(['staging', 'prod']).makeOptionMandatory())
    .option('--version <n>', 'version of the environment below (default: its champion)', Number)
    .option('--from <name>', 'the environment below, or --to itself for a version that it trained', undefined)
    .option('--by <name>', 'who asks (default: the user of this machine); nobody approves for himself', osUser())
    .option('--wait', 'where approval is needed, block until it is decided')
    .option('--dry-run', 'evidence and gates only; nothing is recorded or moved')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', HELP)
    .action(async (name: string, options: Options) => {
      const environment = loadEnvironment(options.to);
      const asked = modelOf(name);
      const version = options.version ?? (await championBelow(environment, options.from, name));
      const client = await connect(environment);
      try {
        const dryRun = options.dryRun === true;
        const input: PromoteInput = {
          ...asked,
          to: options.to,
          version,
          by: options.by,
          dryRun,
          ...(options.from === undefined ? {} : { from: options.from }),
        };
        const own = options.from === options.to ? 'own-' : '';
        const id = `promote/${name}/${options.to}/${own}${version}${dryRun ? '/dry-run' : ''}`;
        const handle = await startPromotion(client, id, input);
        if (!options.json) console.error(`${id}\n${runPage(environment, id)}`);
        const followed = await followPromotion(handle, {
          toTheEnd: options.wait === true,
          quiet: options.json === true,
        });
        print(followed, options.json === true);
        process.exitCode = followed.ended ? exitCodeOf(followed.result) : WAITS;
      } finally {
        await client.connection.close();
      }
    });
};

interface Options {
  readonly to: string;
  readonly version?: number;
  readonly from?: string;
  readonly by: string;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const print = (followed: Followed, asJson: boolean): void => {
  if (asJson) json(followed.ended ? followed.result : { status: 'waiting', ...followed.view });
  else console.log(followed.ended ? resultText(followed.result) : waitingText(followed.view));
};

const HELP = `
Exit codes: 0 promoted (or, dry, would be) · 3 refused, with every reason · 4 waits for approval
The champion of ${lowerOf('staging')} goes to staging, that of ${lowerOf('prod')} to prod. Asked for again, it is the same promotion.
Examples:
  perennial promote ecommerce-intelligence/propensity --to staging
  perennial promote ecommerce-intelligence/propensity --to prod --wait
  perennial promote ecommerce-intelligence/propensity --to prod --version 3 --dry-run --json`;
