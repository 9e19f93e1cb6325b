// `perennial data`: versions of an environment's data: tag what the lake holds, list and compare tags, go back to one.
import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import type { TagDeed, TagRequest } from '../../activities/data-tags.ts';
import type { RolledBack } from '../../activities/rollback.ts';
import type { DataTag } from '../../core/data-tag.ts';
import { type Environment, loadEnvironment } from '../../environments/environment.ts';
import { queues } from '../../workflows/names.ts';
import { compareData, dataDiffText } from '../data-diff.ts';
import { withTags } from '../data-tags.ts';
import { type Reader, readerOption } from '../lake.ts';
import { count, json, table } from '../output.ts';
import { osUser } from '../promotion.ts';
import { connect } from '../temporal-client.ts';

interface Common {
  readonly env: string;
  readonly json?: boolean;
}

export const register = (program: Command): void => {
  const data = program.command('data').description('versions of an environment’s data: tag, list, compare, go back');
  addTag(data);
  addRead(data);
  common(data.command('rollback'))
    .description('bring every tagged table back to its content then, as a new commit; history is kept')
    .argument('<tag>')
    .option('--why <text>', 'for the record', '')
    .action(async (tag: string, options: Common & { why: string }) => {
      const environment = loadEnvironment(options.env);
      const done = await ask<TagDeed, RolledBack>(environment, 'rollbackData', { tag, by: osUser(), why: options.why });
      options.json ? json(done) : console.log(rolledBackText(done));
    });
};

const common = (command: Command): Command =>
  command.option('--env <name>', 'dev, staging or prod', 'dev').option('--json', 'print the result as JSON');

const addTag = (data: Command): void => {
  common(data.command('tag'))
    .description('name what the lake holds now')
    .argument('<name>', 'e.g. 2026-11-before-black-friday; it never comes to mean something else')
    .option('--table <name...>', 'these tables only (bronze comes whole); default: every table')
    .option('--describe <text>', 'what it is for', '')
    .option('--meta <key=value...>', 'facts to keep with it', pair, {})
    .action(async (name: string, options: Common & TagOptions) => {
      const environment = loadEnvironment(options.env);
      const { table: tables = [], describe: description, meta: metadata } = options;
      const request = { name, description, metadata, tables, by: osUser() };
      const tag = await ask<TagRequest, DataTag>(environment, 'tagData', request);
      options.json ? json(tag) : console.log(`tagged ${pc.bold(tag.name)}: ${tag.tables.length} tables`);
    });
  common(data.command('untag'))
    .description('remove a tag: its name stays taken, the snapshots it held may expire')
    .argument('<tag>')
    .option('--why <text>', 'for the record', '')
    .action(async (tag: string, options: Common & { why: string }) => {
      const environment = loadEnvironment(options.env);
      const gone = await ask<TagDeed, DataTag>(environment, 'untagData', { tag, by: osUser(), why: options.why });
      options.json ? json(gone) : console.log(`removed ${gone.name}`);
    });
};

interface TagOptions {
  readonly table?: string[];
  readonly describe: string;
  readonly meta: Record<string, string>;
}

const pair = (text: string, before: Record<string, string>): Record<string, string> => {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write key=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
};

const addRead = (data: Command): void => {
  common(data.command('list'))
    .description('the tags that stand, the newest first')
    .action(async (options: Common) => {
      const tags = await withTags(loadEnvironment(options.env), (all) => all.list());
      options.json ? json(tags) : console.log(table(tags.map(tagRow)));
    });
  common(data.command('show'))
    .description('a tag’s tables, and what was done with it')
    .argument('<tag>')
    .action(async (name: string, options: Common) => {
      const found = await withTags(loadEnvironment(options.env), async (all) => ({
        ...(await all.get(name)),
        events: await all.events(name),
      }));
      options.json ? json(found) : console.log(shownTag(found));
    });
  common(data.command('diff'))
    .description(
      'what changed between two tags, or between a tag and now: tables, rows, and by key where a table has one',
    )
    .argument('<tag>')
    .argument('<other>', 'another tag, or now')
    .addOption(readerOption())
    .action(async (from: string, to: string, options: Common & { as: Reader }) => {
      const found = await compareData(loadEnvironment(options.env), from, to, options.as);
      options.json ? json(found) : console.log(dataDiffText(found));
    });
};

/** Starts a workflow of one step in the environment, which alone may write there, and waits for it. */
const ask = async <Input, Result>(environment: Environment, workflow: string, input: Input): Promise<Result> => {
  const client = await connect(environment);
  try {
    return await client.workflow.execute<(given: Input) => Promise<Result>>(workflow, {
      workflowId: `data/${workflow}/${randomUUID()}`,
      taskQueue: queues.light,
      args: [input],
    });
  } finally {
    await client.connection.close();
  }
};

const tagRow = ({ name, createdAt, createdBy, tables, whole, description }: DataTag) => ({
  tag: name,
  at: createdAt.slice(0, 16).replace('T', ' '),
  by: createdBy,
  tables: whole ? tables.length : `${tables.length} chosen`,
  description,
});

const shownTag = (
  tag: DataTag & { readonly events: readonly { at: string; kind: string; by: string; why: string }[] },
) =>
  [
    `${pc.bold(tag.name)} ${tag.description}`,
    ...Object.entries(tag.metadata).map(([key, value]) => `  ${key} = ${value}`),
    table(
      tag.tables.map(({ key, ...pin }) => ({ ...pin, key: key.slice(0, 12) })),
      500,
    ),
    ...tag.events.map(({ at, kind, by, why }) =>
      pc.dim(`${at.slice(0, 19)} ${kind} by ${by}${why === '' ? '' : `: ${why}`}`),
    ),
  ].join('\n');

const rolledBackText = ({ tag, snapshot, tables, unchanged, untouched }: RolledBack): string =>
  [
    snapshot === null
      ? `nothing to do: the lake holds ${tag} already`
      : `rolled back to ${pc.bold(tag)} in snapshot ${snapshot}`,
    ...tables.map(
      ({ table: name, rows, from }) =>
        `  ${name}: ${from === null ? 'emptied' : `${count(rows)} rows of snapshot ${from}`}`,
    ),
    `${unchanged.length} tables unchanged${untouched.length === 0 ? '' : `; not in the tag and left as they are: ${untouched.join(', ')}`}`,
  ].join('\n');
