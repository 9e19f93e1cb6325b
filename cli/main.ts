// What people and CI type: every command, its help, and the exit code of whatever went wrong.
import { Command, CommanderError } from 'commander';
import { failed } from './output.ts';

/** Where each command stands, in the order of the help. Whoever names one waits for its libraries alone. */
const commands = {
  demo: () => import('./commands/demo.ts'),
  setup: () => import('./commands/setup.ts'),
  up: () => import('./commands/up.ts'),
  down: () => import('./commands/down.ts'),
  status: () => import('./commands/status.ts'),
  run: () => import('./commands/run.ts'),
  promote: () => import('./commands/promote.ts'),
  approve: () => import('./commands/approve.ts'),
  rollback: () => import('./commands/rollback.ts'),
  models: () => import('./commands/models.ts'),
  data: () => import('./commands/data.ts'),
  features: () => import('./commands/features.ts'),
  diff: () => import('./commands/diff.ts'),
  reproduce: () => import('./commands/reproduce.ts'),
  generate: () => import('./commands/generate.ts'),
  sql: () => import('./commands/sql.ts'),
  lineage: () => import('./commands/lineage.ts'),
  schedules: () => import('./commands/schedules.ts'),
  serve: () => import('./commands/serve.ts'),
  alert: () => import('./commands/alert.ts'),
  verify: () => import('./commands/verify.ts'),
  why: () => import('./commands/why.ts'),
  sign: () => import('./commands/sign.ts'),
  keys: () => import('./commands/keys.ts'),
  'api-key': () => import('./commands/api-key.ts'),
  audit: () => import('./commands/audit.ts'),
  reconcile: () => import('./commands/reconcile.ts'),
};

const program = new Command('perennial')
  .description('Models that come back every season: durable pipelines from files to served predictions.')
  .version('0.1.0')
  .showHelpAfterError('(see --help)')
  .addHelpText('after', '\nExit codes: 0 done · 1 failed · 2 bad usage · 3 refused by a gate · 4 waits for approval')
  // So that a command may have a `--version` of its own.
  .enablePositionalOptions()
  .exitOverride();

const named = Object.entries(commands).filter(([name]) => name === process.argv[2]);
const loaded = await Promise.all((named.length > 0 ? named : Object.entries(commands)).map(([, load]) => load()));
for (const { register } of loaded) register(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : failed(error);
}
