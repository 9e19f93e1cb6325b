// What people and CI type: every command, its help, and the exit code of whatever went wrong.
import { Command, CommanderError } from 'commander';
import { register as alert } from './commands/alert.ts';
import { register as apiKey } from './commands/api-key.ts';
import { register as approve } from './commands/approve.ts';
import { register as audit } from './commands/audit.ts';
import { register as data } from './commands/data.ts';
import { register as demo } from './commands/demo.ts';
import { register as diff } from './commands/diff.ts';
import { register as down } from './commands/down.ts';
import { register as features } from './commands/features.ts';
import { register as generate } from './commands/generate.ts';
import { register as keys } from './commands/keys.ts';
import { register as lineage } from './commands/lineage.ts';
import { register as models } from './commands/models.ts';
import { register as promote } from './commands/promote.ts';
import { register as reconcile } from './commands/reconcile.ts';
import { register as reproduce } from './commands/reproduce.ts';
import { register as rollback } from './commands/rollback.ts';
import { register as run } from './commands/run.ts';
import { register as schedules } from './commands/schedules.ts';
import { register as serve } from './commands/serve.ts';
import { register as setup } from './commands/setup.ts';
import { register as sign } from './commands/sign.ts';
import { register as sql } from './commands/sql.ts';
import { register as status } from './commands/status.ts';
import { register as up } from './commands/up.ts';
import { register as verify } from './commands/verify.ts';
import { register as why } from './commands/why.ts';
import { failed } from './output.ts';

const program = new Command('perennial')
  .description('Models that come back every season: durable pipelines from files to served predictions.')
  .version('0.1.0')
  .showHelpAfterError('(see --help)')
  .addHelpText('after', '\nExit codes: 0 done · 1 failed · 2 bad usage · 3 refused by a gate · 4 waits for approval')
  // So that a command may have a `--version` of its own.
  .enablePositionalOptions()
  .exitOverride();

for (const register of [
  demo,
  setup,
  up,
  down,
  status,
  run,
  promote,
  approve,
  rollback,
  models,
  data,
  features,
  diff,
  reproduce,
  generate,
  sql,
  lineage,
  schedules,
  serve,
  alert,
  verify,
  why,
  sign,
  keys,
  apiKey,
  audit,
  reconcile,
])
  register(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : failed(error);
}
