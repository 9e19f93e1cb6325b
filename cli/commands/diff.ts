// `perennial diff`: what differs between two environments, and what a promotion would change; for people and for pull requests.
import type { Command } from 'commander';
import { compareEnvironments, type EnvironmentDiff } from '../../core/environment-diff/index.ts';
import { diffMarkdown } from '../../core/environment-diff/markdown.ts';
import { type Environment, loadEnvironment } from '../../environments/environment.ts';
import { readSide } from '../environment-facts.ts';
import { measure } from '../environment-scores.ts';
import { environmentText } from '../environment-text.ts';
import { type Reader, readerOption } from '../lake.ts';
import { json } from '../output.ts';

interface Options {
  readonly as: Reader;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly failOnChange?: boolean;
}

export const register = (program: Command): void => {
  program
    .command('diff')
    .description('compare two environments: tables, features, champions on the same rows, predictions that flip')
    .argument('<from>', 'the one that would be promoted, e.g. dev')
    .argument('<to>', 'the one it would go to, e.g. staging; both champions are judged on its rows')
    .addOption(readerOption())
    .option('--json', 'print the comparison as JSON')
    .option('--markdown', 'print it as Markdown, for a comment on a pull request')
    .option('--fail-on-change', 'exit with 3 where a shape, a feature’s spread or a champion differs')
    .action(async (from: string, to: string, options: Options) => {
      const found = await diffEnvironments(loadEnvironment(from), loadEnvironment(to), options.as);
      if (options.json) json(found);
      else process.stdout.write(options.markdown ? diffMarkdown(found) : `${environmentText(found)}\n`);
      if (options.failOnChange && found.changed) process.exitCode = 3;
    });
};

/** Reads both sides, `to` first, whose bins the other is held against. */
export const diffEnvironments = async (
  from: Environment,
  to: Environment,
  reader: Reader = 'developer',
): Promise<EnvironmentDiff> => {
  const theirs = await readSide(to, reader);
  const ours = await readSide(from, reader, theirs.bins.size === 0 ? undefined : theirs.bins);
  return compareEnvironments(ours.facts, theirs.facts, await measure(ours, theirs, reader));
};
