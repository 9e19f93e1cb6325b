// The program finds every command, also where it loads but one.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { commands } from '../../cli/commands.ts';

it('has every command that there is', () => {
  const folder = path.join(import.meta.dirname, '../../cli/commands');
  const files = readdirSync(folder).map((file) => path.basename(file, '.ts'));
  expect(Object.keys(commands).sort()).toEqual(files.sort());
});

it.each(Object.entries(commands))('loads %s under its own name', async (name, load) => {
  const program = new Command();
  (await load()).register(program);
  expect(program.commands.map((command) => command.name())).toContain(name);
});
