// `perennial lineage`: where a table's present content came from, back to the files.
import type { Command } from 'commander';
import pc from 'picocolors';
import type { Commit, Pin } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import type { TableName } from '../../core/table.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { type Reader, type ReadOnlyLake, readerOption, withReadOnlyLake } from '../lake.ts';
import { count, json } from '../output.ts';

export interface LineageNode {
  readonly table: string;
  readonly snapshot: number;
  readonly key: string;
  readonly rows: number | null;
  readonly why: string | null;
  /** Workflow that committed it. */
  readonly by: string | null;
  readonly inputs: readonly LineageNode[];
}

export const register = (program: Command): void => {
  program
    .command('lineage')
    .description('where a table came from: snapshots, keys and runs, back to bronze')
    .argument('<table>', 'e.g. gold.rfm')
    .option('--env <name>', 'dev, staging or prod', 'dev')
    .addOption(readerOption())
    .option('--json', 'print the tree as JSON')
    .action(async (name: string, options: { env: string; as: Reader; json?: boolean }) => {
      const look = (lake: ReadOnlyLake) => lineageOf(lake, name as TableName);
      const tree = await withReadOnlyLake(loadEnvironment(options.env), undefined, look, options.as);
      options.json ? json(tree) : print(tree);
    });
};

/** The tree of commits behind a table's head. */
export const lineageOf = async (lake: ReadOnlyLake, table: TableName): Promise<LineageNode> => {
  const head = await lake.head(table);
  if (!head) throw new PerennialError('UNKNOWN_NAME', 'the lake has no such table', { field: 'table', value: table });
  return nodeOf(lake, table, head);
};

const nodeOf = async (lake: ReadOnlyLake, table: TableName, commit: Commit): Promise<LineageNode> => {
  const pins = (commit.extra.inputs ?? []) as readonly Pin[];
  const inputs: LineageNode[] = [];
  for (const pin of pins) {
    const origin = pin.table.startsWith('bronze.') ? undefined : await lake.find(pin.key);
    inputs.push(origin ? await nodeOf(lake, pin.table, origin) : leaf(pin));
  }
  const lineage = commit.extra.lineage as { workflow?: string } | undefined;
  const why = typeof commit.extra.why === 'string' ? commit.extra.why : null;
  return {
    table,
    snapshot: commit.snapshot,
    key: commit.key,
    rows: commit.tables[table]?.rows ?? null,
    why,
    by: lineage?.workflow ?? null,
    inputs,
  };
};

const leaf = ({ table, snapshot, key }: Pin): LineageNode => ({
  table,
  snapshot,
  key,
  rows: null,
  why: null,
  by: null,
  inputs: [],
});

const print = (node: LineageNode, indent = '', seen = new Set<string>()): void => {
  const again = seen.has(node.key);
  seen.add(node.key);
  const rows = node.rows === null ? '' : ` · ${count(node.rows)} rows`;
  console.log(
    `${indent}${pc.bold(node.table)} ${pc.dim(`snapshot ${node.snapshot} · ${node.key.slice(0, 12)}`)}${rows}${again && node.inputs.length > 0 ? pc.dim(' (see above)') : ''}`,
  );
  if (again) return;
  if (node.by) console.log(pc.dim(`${indent}  ${node.why ?? ''} by ${node.by}`));
  for (const input of node.inputs) print(input, `${indent}  `, seen);
};
