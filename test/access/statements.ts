// Every raw cell of the matrix as one SQL statement that changes nothing: what it needs is the right alone.
import type pg from 'pg';
import { environmentNames } from '../../core/access.ts';
import { deeds, type MatrixRole, roles, rowsOf, tables, type Verb, verbs } from './matrix.ts';

export interface Cell {
  readonly name: string;
  readonly role: MatrixRole;
  readonly database: string;
  /** One statement or, between `begin` and `rollback`, several. */
  readonly sql: string;
  readonly allowed: boolean;
}

interface Column {
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly type: string;
}

/** What may change in tables of which not all may; elsewhere the last column stands for all. */
const MUTABLE: Readonly<Record<string, string>> = {
  registered_models: 'last_version',
  model_versions: 'state',
  promotions: 'state',
  steps: 'stage',
  api_keys: 'revoked_at',
  refresh_tokens: 'used_at',
  predictions: 'batch',
  aliases: 'version',
  mlflow_shown: 'value',
  feature_views: 'materialized_at',
};

/** Every cell of the tables and of the deeds. The client is the owner's: it tells which tables there are. */
export const rawCells = async (client: pg.Client): Promise<readonly Cell[]> => [
  ...tableCells(await columnsOf(client)),
  ...deedCells(),
];

const columnsOf = async (client: pg.Client): Promise<readonly Column[]> => {
  const schemas = environmentNames.flatMap((name) => [name, `lake_${name}`]);
  const { rows } = await client.query<Column>(
    `select table_schema as schema, table_name as "table", column_name as "column", format_type(atttypid, atttypmod) as type
     from information_schema.columns join pg_attribute on attrelid = format('%I.%I', table_schema, table_name)::regclass
       and attname = column_name
     where table_schema = any ($1) and is_identity = 'NO' order by 1, 2, ordinal_position`,
    [schemas],
  );
  return rows;
};

/** @throws Error for a table that the matrix does not know, or that is not there. */
const tableCells = (columns: readonly Column[]): readonly Cell[] => {
  const found = new Map<string, Column[]>();
  for (const column of columns) {
    const name = `${column.schema}.${column.table}`;
    found.set(name, [...(found.get(name) ?? []), column]);
  }
  const cells = environmentNames.flatMap((environment) =>
    rowsOf(tables[environment]).flatMap((row) => {
      const prefix = row.name === 'lake' ? `lake_${environment}.` : `${environment}.${row.name}`;
      const names = [...found.keys()].filter((name) =>
        row.name === 'lake' ? name.startsWith(prefix) : name === prefix,
      );
      if (names.length === 0 && row.name !== 'lake')
        throw new Error(`${prefix} is in the matrix but not in the database`);
      return names.flatMap((name) => {
        const inTable = found.get(name) ?? [];
        found.delete(name);
        return roles.flatMap((role) =>
          verbs.map((verb, i) => ({
            name: `${verb} ${name}`,
            role,
            database: 'perennial',
            sql: statementOf(verb, inTable),
            allowed: row.cells[role][i] === verb[0],
          })),
        );
      });
    }),
  );
  if (found.size === 0) return cells;
  throw new Error(`not in the matrix: ${[...found.keys()].join(', ')} (test/access/matrix.ts)`);
};

const statementOf = (verb: Verb, columns: readonly Column[]): string => {
  const [first] = columns;
  if (first === undefined) throw new Error('a table without columns');
  const table = `"${first.schema}"."${first.table}"`;
  const mutable = MUTABLE[first.table] ?? columns.at(-1)?.column;
  switch (verb) {
    case 'select':
      return `select * from ${table} limit 0`;
    case 'insert':
      return `insert into ${table} ("${first.column}") select null::${first.type} where false`;
    case 'update':
      return `update ${table} set "${mutable}" = null where false`;
    case 'rewrite':
      return `update ${table} set "${first.column}" = null where false`;
    case 'delete':
      return `delete from ${table} where false`;
    case 'truncate':
      return undone(`truncate ${table}`);
  }
};

const undone = (sql: string): string => `begin; ${sql}; rollback`;

const deedCells = (): readonly Cell[] =>
  rowsOf(deeds).flatMap(({ name, cells }) =>
    roles.map((role) => {
      const database = /^connect to (\w+)$/.exec(name)?.[1] ?? 'perennial';
      return { name, role, database, sql: deedOf(name), allowed: cells[role] === 'yes' };
    }),
  );

const FIXED: Readonly<Record<string, string>> = {
  'make a temporary table': undone('create temporary table probe ()'),
  'make a schema': undone('create schema probe'),
  'make a database': 'create database probe',
  'make a role': undone('create role probe'),
  'become the owner': undone('set local role perennial'),
  'change its own powers': undone('alter role current_user createdb'),
  'switch triggers off': undone('set local session_replication_role = replica'),
  'read a file of the server': `select pg_read_file('PG_VERSION')`,
  'run a program on the server': `copy (select 1) to program 'true'`,
  'read the password hashes': 'select rolpassword from pg_authid',
  'hear notices': undone('listen perennial_alias'),
  'take an advisory lock': 'select pg_try_advisory_xact_lock(1)',
};

const deedOf = (name: string): string => {
  const fixed = FIXED[name];
  if (fixed !== undefined) return fixed;
  const [, verb, object = ''] = /^(connect to|look into|make a table in|become|drop|loosen) (\S+)$/.exec(name) ?? [];
  switch (verb) {
    case 'connect to':
      return 'select 1';
    case 'look into':
      return `select '${object}.${object.startsWith('lake_') ? 'ducklake_snapshot' : 'aliases'}'::regclass`;
    case 'make a table in':
      return undone(`create table ${object}.probe ()`);
    case 'become':
      return undone(`set local role perennial_${object}`);
    case 'drop':
      return undone(`drop table ${object} cascade`);
    case 'loosen':
      return undone(`alter table ${object} disable trigger all`);
    default:
      throw new Error(`no statement for: ${name}`);
  }
};
