// What people and CI type: every command, its help, and the exit code of whatever went wrong.
import { Command, CommanderError } from 'commander';
import { commands } from './commands.ts';
import { failed } from './output.ts';

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
