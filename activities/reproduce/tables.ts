// Computes again, in a scratch folder, every table that training read, from the bronze it was read from; and compares with what the lake
// holds at the recorded snapshots. The lake is read and never written.
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { digestSql } from '../../adapters/ducklake/lake.ts';
import type { Pin } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { splitByTime } from '../../core/learning/time-split.ts';
import type { Moments, Plan, PlannedTable } from '../../core/plan.ts';
import { check, lost, type StageCheck } from '../../core/reproduction.ts';
import { identifier, literal, qualified } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';
import type { Deps } from '../deps.ts';
import type { Frame } from '../heartbeat.ts';
import { type OpenLake, withLake } from '../lake-session.ts';
import { bronzeAt, daysKnown, readPlan } from '../plan.ts';
import { planBuild, standEmpty } from '../transform.ts';
import type { Recalled } from './recall.ts';

export interface RebuiltTables {
  readonly checks: readonly StageCheck[];
  /** As it came out now. */
  readonly moments: Moments;
}

export const rebuildTables = async (deps: Deps, recalled: Recalled, frame: Frame): Promise<RebuiltTables> => {
  const plan = await readPlan(deps, recalled.plan);
  return withLake(deps, frame.signal, async (lake) => {
    const origins = await originsOf(lake, recalled.inputs);
    const bronze = origins.filter(({ table }) => table.startsWith('bronze.'));
    const checks: StageCheck[] = [await bronzeCheck(lake, bronze)];
    await computeAgain(deps, lake, plan, recalled, bronze, frame);
    checks.push(await featuresCheck(lake, plan, recalled, origins));
    const moments = await momentsAgain(lake, plan, recalled, bronze);
    checks.push(check('split', JSON.stringify(recalled.moments.split), JSON.stringify(moments.split)));
    return { checks, moments };
  });
};

/** Every table behind these, each where it stood: as commits recorded their inputs, back to bronze. */
const originsOf = async (lake: OpenLake, inputs: readonly Pin[]): Promise<Pin[]> => {
  const found = new Map<TableName, Pin>();
  const visit = async (pin: Pin): Promise<void> => {
    const before = found.get(pin.table);
    if (before && before.snapshot >= pin.snapshot) return;
    found.set(pin.table, pin);
    if (pin.table.startsWith('bronze.')) return;
    const commit = await lake.commits.at(pin.table, pin.snapshot);
    for (const input of (commit?.extra.inputs ?? []) as readonly Pin[]) await visit(input);
  };
  for (const pin of inputs) await visit(pin);
  return [...found.values()];
};

/** The ledger of then, and as many rows as it says. */
const bronzeCheck = async (lake: OpenLake, pins: readonly Pin[]): Promise<StageCheck> => {
  const text = (found: readonly Pin[]) =>
    found
      .map(({ table, key }) => `${table} ${key.slice(0, 12)}`)
      .sort()
      .join(', ');
  const recorded = text(pins);
  const found: Pin[] = [];
  const short: string[] = [];
  try {
    for (const { table, snapshot } of pins) {
      found.push(...(await bronzeAt(lake, [table], snapshot)));
      short.push(...(await missingRows(lake, table, snapshot)));
    }
  } catch (error) {
    return lost('bronze', recorded, await reasonOf(lake, error));
  }
  if (short.length > 0) return lost('bronze', recorded, short.join('; '));
  return check('bronze', recorded, text(found), pins.length === 0 ? 'no table of bronze is recorded' : '');
};

const missingRows = async (lake: OpenLake, table: TableName, snapshot: number): Promise<string[]> => {
  if (table === 'bronze.files' || table === 'bronze.quarantine') return [];
  const source = literal(table.split('.')[1] ?? '');
  const [row] = await lake.db.rows(
    `select (select count(*) from lake.${qualified(table)} at (version => ${snapshot}))::integer as found,
       (select coalesce(sum(loaded), 0) from bronze.files where source = ${source} and status = 'loaded')::integer as told`,
  );
  return row?.found === row?.told ? [] : [`${table} has ${row?.found} rows, its ledger tells of ${row?.told}`];
};

/** Where a table that was computed again is kept until the attempt is over. */
const scratchFile = ({ settings }: Deps, { attempt }: Recalled, table: TableName): string =>
  path.join(scratchOf(settings.stage, attempt), `${table}.parquet`);

export const scratchOf = (stage: string, attempt: string): string => path.join(stage, 'reproduce', attempt);

const computeAgain = async (
  deps: Deps,
  lake: OpenLake,
  plan: Plan,
  recalled: Recalled,
  bronze: readonly Pin[],
  { signal, onProgress }: Frame,
): Promise<void> => {
  await lake.pin(bronze);
  const tables = neededBy(plan.tables, recalled.inputs);
  await mkdir(scratchOf(deps.settings.stage, recalled.attempt), { recursive: true, mode: 0o700 });
  for (const [done, table] of tables.entries()) {
    signal.throwIfAborted();
    onProgress({ stage: `compute ${table.name} again`, done, total: tables.length, unit: 'tables' });
    const made = [...bronze, ...tables.map(({ name }) => ({ table: name }))];
    await standEmpty(lake, plan, table, made);
    const { settings } = planBuild(plan, {
      plan: recalled.plan,
      table: table.name,
      moments: recalled.moments,
      pins: [],
    });
    for (const [name, value] of Object.entries(settings)) await lake.db.run(`set variable ${name} = ${value}`);
    const file = scratchFile(deps, recalled, table.name);
    await lake.db.run(`copy (${table.sql}) to ${literal(`${file}.part`)} (format parquet, parquet_version v2)`);
    await rename(`${file}.part`, file);
    await readScratch(lake, table.name, file);
  }
};

const readScratch = async (lake: Pick<OpenLake, 'db'>, table: TableName, file: string): Promise<void> => {
  await lake.db.run(`create schema if not exists ${identifier(table.split('.')[0] ?? '')}`);
  await lake.db.run(`create or replace view ${qualified(table)} as from read_parquet(${literal(file)})`);
};

/** The tables training reads and all they are made from, in the plan's order. */
const neededBy = (tables: readonly PlannedTable[], inputs: readonly Pin[]): PlannedTable[] => {
  const names = new Set<TableName>(inputs.map(({ table }) => table));
  for (const { name, inputs: read } of tables.toReversed()) if (names.has(name)) for (const one of read) names.add(one);
  return tables.filter(({ name }) => names.has(name));
};

const featuresCheck = async (
  lake: OpenLake,
  plan: Plan,
  { inputs }: Recalled,
  origins: readonly Pin[],
): Promise<StageCheck> => {
  const found = await digests(lake, inputs);
  try {
    const recorded: string[] = [];
    for (const { table, snapshot } of inputs) recorded.push(`${table} ${await lake.digest(table, snapshot)}`);
    const result = check('features', recorded.join(', '), found.join(', '));
    return result.state === 'equal' ? result : { ...result, note: await firstMoved(lake, plan, origins) };
  } catch (error) {
    const where = inputs.map(({ table, snapshot }) => `${table} at ${snapshot}`).join(', ');
    return lost('features', where, await reasonOf(lake, error));
  }
};

const digests = async (lake: OpenLake, pins: readonly Pin[]): Promise<string[]> => {
  const found: string[] = [];
  for (const { table } of pins) {
    const [row] = await lake.db.rows(digestSql(qualified(table)));
    found.push(`${table} ${row?.digest}`);
  }
  return found;
};

/** Of the tables behind the features, the first, inputs before dependents, that the lake holds otherwise. */
const firstMoved = async (lake: OpenLake, plan: Plan, origins: readonly Pin[]): Promise<string> => {
  const stood = plan.tables.flatMap(({ name }) => origins.find(({ table }) => table === name) ?? []);
  for (const { table, snapshot } of stood) {
    const [row] = await lake.db.rows(digestSql(qualified(table)));
    const then = await lake.digest(table, snapshot).catch((error: unknown) => reasonOf(lake, error));
    if (row?.digest !== then) return `${table} at snapshot ${snapshot} holds other rows than its inputs give`;
  }
  return '';
};

const momentsAgain = async (
  lake: OpenLake,
  plan: Plan,
  { moments }: Recalled,
  bronze: readonly Pin[],
): Promise<Moments> => {
  const [pin] = bronze;
  if (!pin) return moments;
  await lake.pin([{ table: 'bronze.files', snapshot: pin.snapshot }]);
  const { first } = await daysKnown(lake.db, plan.source);
  return { asOf: moments.asOf, split: splitByTime({ asOf: moments.asOf, windows: plan.windows, firstDay: first }) };
};

/** Opens the features and labels that were computed again; computes them where this machine has not. */
export const withRebuilt = async <T>(
  deps: Deps,
  recalled: Recalled,
  frame: Frame,
  work: (tables: OpenLake) => Promise<T>,
): Promise<T> =>
  withLake(deps, frame.signal, async (lake) => {
    const open = () =>
      Promise.all(recalled.inputs.map(({ table }) => readScratch(lake, table, scratchFile(deps, recalled, table))));
    await open().catch(async () => {
      const bronze = (await originsOf(lake, recalled.inputs)).filter(({ table }) => table.startsWith('bronze.'));
      await computeAgain(deps, lake, await readPlan(deps, recalled.plan), recalled, bronze, frame);
    });
    return work(lake);
  });

export const sweepScratch = ({ settings }: Deps, { attempt }: Recalled): Promise<void> =>
  rm(scratchOf(settings.stage, attempt), { recursive: true, force: true });

/** What is wrong with the data; where the catalog itself does not answer, nothing is said about the data and the step is tried again. */
const reasonOf = async (lake: OpenLake, error: unknown): Promise<string> => {
  await lake.commits.heads();
  await lake.db.rows(`select count(*) from ducklake_snapshots('lake')`);
  if (error instanceof PerennialError && !error.hopeless) throw error;
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
};
