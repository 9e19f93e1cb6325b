// A use case's tables on an in-memory DuckDB, without lake or servers: what tests of SQL stand on.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDb, type JsonRow } from '../../adapters/duckdb/session.ts';
import { columnsOf } from '../../core/contract.ts';
import { identifier } from '../../core/sql.ts';
import { type Law, type Table, type TableName, violationsOf } from '../../core/table.ts';
import type { UseCase } from '../../core/use-case.ts';

export interface TestSettings {
  readonly asOf: string;
  readonly cuts: readonly string[];
  readonly source: string;
  readonly observationDays?: number;
  readonly gapDays?: number;
  readonly labelDays?: number;
}

const ADDED = 'file_id varchar, line bigint, known_at timestamp';
const LEDGER = `source varchar, file_id varchar, file_name varchar, version integer, bytes bigint, rows_in bigint, loaded bigint,
  quarantined bigint, status varchar, reason varchar, days date[], known_at timestamp`;

export const createSchemas = async (db: DuckDb, catalog = 'memory'): Promise<void> => {
  for (const schema of ['bronze', 'silver', 'gold', 'features'])
    await db.run(`create schema if not exists ${catalog}.${schema}`);
};

/** A database with the use case's empty bronze tables. */
export const openTables = async (useCase: UseCase, threads = 1): Promise<DuckDb> => {
  const db = await DuckDb.open({ threads, memoryLimit: '1GB', tempDirectory: join(tmpdir(), 'perennial-test-tables') });
  await createSchemas(db);
  for (const source of useCase.sources) {
    const columns = columnsOf(source).map(({ name, sql }) => `${identifier(name)} ${sql}`);
    await db.run(`create table ${source.table} (${columns.join(', ')}, ${ADDED})`);
  }
  await db.run(`create table bronze.files (${LEDGER})`);
  return db;
};

export const setMoments = async (db: DuckDb, settings: TestSettings): Promise<void> => {
  const { asOf, cuts, source, observationDays = 30, gapDays = 0, labelDays = 10 } = settings;
  await db.run(`set variable as_of = timestamp '${asOf}'`);
  await db.run(`set variable cuts = [${cuts.map((cut) => `timestamp '${cut}'`).join(', ')}]`);
  await db.run(`set variable source = '${source}'`);
  await db.run(`set variable observation_days = ${observationDays}::integer`);
  await db.run(`set variable gap_days = ${gapDays}::integer`);
  await db.run(`set variable label_days = ${labelDays}::integer`);
};

/** The tables of these names, in this order. */
export const tablesNamed = (useCase: UseCase, names: readonly TableName[]): readonly Table[] =>
  names.map((name) => {
    const found = useCase.tables.find((table) => table.name === name);
    if (!found) throw new Error(`${useCase.name} has no table ${name}`);
    return found;
  });

/** Builds the tables and holds each against its promise; throws at the first broken one. */
export const buildTables = async (db: DuckDb, tables: readonly Table[]): Promise<void> => {
  for (const table of tables) {
    await db.run(`create or replace table ${table.name} as ${table.sql}`);
    const broken = await brokenLaws(db, table, table.name);
    if (broken.length > 0) throw new Error(`${table.name}: ${broken.join('; ')}`);
  }
};

/** Names of the laws that the rows of a relation break; its inputs are read by name. */
export const brokenLaws = async (db: DuckDb, table: Table, relation: string): Promise<readonly string[]> => {
  await db.run(`create or replace temp view this as select * from ${relation}`);
  const key = table.key.map(identifier).join(', ');
  const someNull = table.key.map((column) => `${identifier(column)} is null`).join(' or ');
  const laws: readonly Law[] = [
    { name: 'no null in the key', violations: `select * from this where ${someNull}` },
    { name: 'one row per key', violations: `select ${key} from this group by all having count(*) > 1` },
    ...table.laws,
  ];
  const broken: string[] = [];
  for (const law of laws) {
    const [row] = await db.rows(`select to_json(v)::varchar as v from (${violationsOf(law)}) as v limit 1`);
    if (row) broken.push(`${law.name}: ${row.v}`);
  }
  return broken;
};

/** Rows as text lines `a | b | null`, in the order of the query: short to write, short to read when they differ. */
export const lines = async (db: DuckDb, sql: string): Promise<readonly string[]> =>
  (await db.rows(sql)).map((row: JsonRow) => Object.values(row).map(String).join(' | '));
