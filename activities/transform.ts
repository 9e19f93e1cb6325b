// Builds one table: pinned inputs → staged Parquet → its promise checked → one commit. Found by key, it is reused instead.
import type { ArtifactRef } from '../core/artifact.ts';
import { type Commit, contentKey, type Pin, type Write } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import { definitionOf } from '../core/feature-version.ts';
import type { BuiltTable, Moments, Plan, PlannedTable } from '../core/plan.ts';
import { identifier, literal, qualified } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';
import { commitLog, found, type OpenLake, withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';
import { checkPromise } from './promise.ts';
import { type Touched, touchedSince } from './touched.ts';

/** Raise when this file computes something else from the same inputs. */
const STAGE_VERSION = 1;

export interface BuildRequest {
  readonly plan: ArtifactRef;
  readonly table: TableName;
  readonly moments: Moments;
  /** At least the table's inputs; bronze tables that no file has reached may be missing. */
  readonly pins: readonly Pin[];
}

export const createTransformActivities = (deps: Deps) => ({
  buildTable: (request: BuildRequest): Promise<BuiltTable> =>
    framed(deps.crash, async ({ signal, lineage }) => {
      const build = planBuild(await readPlan(deps, request.plan), request);
      const head = await commitLog(deps).head(request.table);
      if (head?.key === build.key) return found(request.table, head);
      return withLake(deps, signal, (lake) => buildTable(lake, build, head, lineage));
    }),
});

/** One build, resolved: what it reads, and the key of what comes of it. */
interface Build {
  readonly plan: Plan;
  readonly table: PlannedTable;
  readonly pins: readonly Pin[];
  readonly inputs: readonly Pin[];
  readonly settings: Readonly<Record<string, string>>;
  /** Hash of everything but the inputs. */
  readonly recipe: string;
  readonly key: string;
}

export const planBuild = (plan: Plan, { table: name, moments, pins }: BuildRequest): Build => {
  const table = tableNamed(plan, name);
  const settings = settingsRead(plan, table, moments);
  const inputs = pins.filter((pin) => table.inputs.includes(pin.table));
  const recipe = contentKey({ sql: table.sql, settings, version: STAGE_VERSION });
  const key = contentKey({ table: name, recipe, inputs: inputs.map((pin) => [pin.table, pin.key]) });
  return { plan, table, pins, inputs, settings, recipe, key };
};

/** Computes, checks and commits; `head` is the state that the work starts from. */
export const buildTable = async (
  lake: OpenLake,
  build: Build,
  head: Commit | undefined,
  lineage: Readonly<Record<string, unknown>>,
): Promise<BuiltTable> => {
  const { plan, table, pins, inputs, settings, recipe, key } = build;
  const touched = await touchedSince(lake, plan, table, pins, head, recipe);
  await standEmpty(lake, plan, table, inputs);
  await lake.pin(inputs, touched?.filters);
  for (const [name, value] of Object.entries(settings)) await lake.db.run(`set variable ${name} = ${value}`);
  const staged = await lake.stage(table.name, table.sql);
  await checkPromise(lake.db, table, staged.file);
  const why = whyBuilt(head, recipe, inputs, touched);
  const commit = await lake.commit({
    key,
    once: 'head',
    message: `${table.name}: ${staged.rows} rows, ${why}`,
    writes: [write(table, staged.file, head, touched)],
    extra: { lineage, recipe, inputs, ledger: ledgerOf(pins), why, ...definition(plan, table) },
  });
  return { table: table.name, snapshot: commit.snapshot, key, rows: staged.rows, reused: commit.reused, why };
};

/** Of a feature table: what it is computed by, whatever the cuts; its history is read by it. */
const definition = ({ tables }: Plan, { name }: PlannedTable) =>
  name.startsWith('features.') ? { definition: definitionOf(tables, name) } : {};

const tableNamed = (plan: Plan, name: TableName): PlannedTable => {
  const table = plan.tables.find((candidate) => candidate.name === name);
  if (!table) throw new PerennialError('UNKNOWN_NAME', 'the plan has no such table', { field: 'table', value: name });
  return table;
};

const ledgerOf = (pins: readonly Pin[]): number | null =>
  pins.find(({ table }) => table === 'bronze.files')?.snapshot ?? null;

/** Only the settings its SQL reads, as SQL literals: a table that does not ask for `as_of` is not rebuilt when time passes. */
const settingsRead = (plan: Plan, table: PlannedTable, { asOf, split }: Moments): Record<string, string> => {
  const stamp = (day: string) => `timestamp ${literal(`${day} 00:00:00`)}`;
  const cuts = [...new Set([...split.train, split.calibrate, split.test, split.score])].sort();
  const all: Record<string, string> = {
    as_of: stamp(asOf),
    cuts: `[${cuts.map(stamp).join(', ')}]`,
    observation_days: `${plan.windows.observationDays}::integer`,
    gap_days: `${plan.windows.gapDays}::integer`,
    label_days: `${plan.windows.labelDays}::integer`,
    source: literal(plan.source),
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => table.sql.includes(`getvariable('${name}')`)));
};

/** Bronze tables that no file has reached stand as empty tables, so that one select can unite several sources. */
export const standEmpty = async (
  lake: Pick<OpenLake, 'db'>,
  plan: Plan,
  table: PlannedTable,
  inputs: readonly Pick<Pin, 'table'>[],
): Promise<void> => {
  for (const name of table.inputs.filter((input) => !inputs.some((pin) => pin.table === input))) {
    const columns = plan.bronze[name];
    if (columns === undefined)
      throw new PerennialError('CONTRACT_BROKEN', `${table.name} reads a table that nothing builds`, { field: name });
    await lake.db.run(`create schema if not exists ${identifier(name.split('.')[0] ?? '')}`);
    await lake.db.run(`create table ${qualified(name)} (${columns})`);
  }
};

const write = (table: PlannedTable, file: string, head: Commit | undefined, touched: Touched | undefined): Write => ({
  table: table.name,
  files: [file],
  replace: touched ? { where: touched.predicate } : 'all',
  expectParent: head?.key ?? null,
});

const whyBuilt = (
  head: Commit | undefined,
  recipe: string,
  inputs: readonly Pin[],
  touched: Touched | undefined,
): string => {
  if (!head) return 'first build';
  if (touched) return `${touched.count} ${touched.by} values touched`;
  if (head.extra.recipe !== recipe) return 'its SQL or settings changed';
  const before = new Map((head.extra.inputs as Pin[] | undefined)?.map((pin) => [pin.table, pin.key]));
  const moved = inputs.filter(({ table, key }) => before.get(table) !== key).map(({ table }) => table);
  return `${moved.join(', ')} changed`;
};
