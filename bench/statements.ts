// The statements of the SQL bench: a folder of CSV files to Parquet, then every table of the use case in order, each to Parquet.
// They are handed as text to both contestants, so that both run the very same SQL.
import path from 'node:path';
import { bronzeColumns, planTables } from '../activities/plan.ts';
import type { DuckDb } from '../adapters/duckdb/session.ts';
import { literal } from '../core/sql.ts';
import type { UseCase } from '../core/use-case.ts';

export interface Statement {
  readonly part: string;
  readonly sql: string;
}

/** Settings of the run that the bench stands for. */
export interface Scene {
  readonly csv: string;
  readonly out: string;
  readonly asOf: string;
  readonly cuts: readonly string[];
  readonly source: string;
}

const PARQUET = '(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2)';

export const statements = async (db: DuckDb, useCase: UseCase, scene: Scene): Promise<Statement[]> => {
  const windows = useCase.windows[scene.source];
  const stamp = (day: string) => `timestamp ${literal(`${day} 00:00:00`)}`;
  const file = (name: string) => literal(path.join(scene.out, `${name}.parquet`));
  const columns = bronzeColumns(useCase);
  const setup = [
    'create schema bronze; create schema silver; create schema gold; create schema features',
    `set variable as_of = ${stamp(scene.asOf)}; set variable cuts = [${scene.cuts.map(stamp).join()}]; set variable source = ${literal(scene.source)}`,
    `set variable observation_days = ${windows?.observationDays}; set variable gap_days = ${windows?.gapDays}; set variable label_days = ${windows?.labelDays}`,
    ...Object.entries(columns).map(([name, sql]) => `create table ${name} (${sql})`),
  ].map((sql) => ({ part: 'setup', sql }));
  const contract = columns['bronze.clickstream']?.split(', file_id')[0] ?? '';
  const types = contract
    .split(', ')
    .map((column) => column.split(' ') as [string, string])
    .map(([name, type]) => `${literal(name)}: ${literal(type)}`);
  const bronze = [
    {
      part: 'csv to parquet',
      sql: `copy (select *, 'f' as file_id, 0::bigint as line, timestamp '2020-01-01' as known_at
        from read_csv(${literal(scene.csv)}, header = true, columns = {${types.join(', ')}}, timestampformat = '%Y-%m-%d %H:%M:%S UTC')) to ${file('bronze.clickstream')} ${PARQUET}`,
    },
    {
      part: 'setup',
      sql: `drop table bronze.clickstream; create view bronze.clickstream as from read_parquet(${file('bronze.clickstream')})`,
    },
    {
      part: 'setup',
      sql: `insert into bronze.files (source, file_id, status, version, loaded, rows_in, quarantined) select 'clickstream', 'f', 'loaded', 1, count(*), count(*), 0 from bronze.clickstream`,
    },
  ];
  const tables = (await planTables(db, useCase)).flatMap(({ name, sql }) => [
    { part: name.split('.')[0] ?? '', sql: `copy (${sql}) to ${file(name)} ${PARQUET}` },
    { part: 'setup', sql: `create view ${name} as from read_parquet(${file(name)})` },
  ]);
  return [...setup, ...bronze, ...tables];
};
