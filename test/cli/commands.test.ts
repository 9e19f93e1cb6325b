// The program finds every command, also where it loads but one: a command is named as its file is.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { expect, it } from 'vitest';

const folder = path.join(import.meta.dirname, '../../cli/commands');
const names = readdirSync(folder).map((file) => path.basename(file, '.ts'));

it('registers under the name of its file, which is how it is found', async () => {
  for (const name of names) {
    const program = new Command();
    const { register } = (await import(path.join(folder, `${name}.ts`))) as { register(program: Command): void };
    register(program);
    expect(program.commands.map((command) => command.name())).toContain(name);
  }
});

it('stands in the help of the program', () => {
  const help = execFileSync('node', ['cli/perennial.mjs', '--help'], { encoding: 'utf8' });
  const listed = [...help.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name);
  expect(listed).toEqual(expect.arrayContaining(names));
});
