// Reads one Parquet file under a contract: columns by name, types checked like those of a CSV file. A row's line is its number.
import { join } from 'node:path';
import type { ContractColumn } from '../../core/contract.ts';
import { identifier, literal, type SqlSession } from '../../core/sql.ts';
import type { Checks, Input } from './read-checks.ts';
import { fitColumns } from './read-header.ts';
import { type FileAt, type ReadFile, stageRows } from './read-staging.ts';

export interface ParquetOptions {
  readonly columns: readonly ContractColumn[];
  readonly checks: Checks;
}

const TEMPORAL = ['DATE', 'TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS'];
const INTEGERS = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT'];

export const readParquet = async (db: SqlSession, file: FileAt, options: ParquetOptions): Promise<ReadFile> => {
  const relation = `read_parquet(${literal(file.path)}, file_row_number = true)`;
  const found = await parquetColumns(db, file.path);
  const names = found.map(({ name }) => name);
  const fit = fitColumns(names, options.columns);
  const count = await db.number(`select num_rows from parquet_file_metadata(${literal(file.path)})`);
  const [missing] = [...fit.missing, ...fit.twice];
  if (missing !== undefined) {
    const refusal =
      fit.missing.length > 0 ? `the file lacks ${fit.missing.join(', ')}` : `the file has ${missing} twice`;
    return { rows: 0, rejected: count, notes: [], refusal, missing };
  }
  const inputs = new Map<string, Input>();
  for (const column of options.columns) {
    const source = found[fit.positions.get(column.name) ?? -1];
    if (source) inputs.set(column.name, inputOf(column, source));
  }
  const staged = join(file.folder, 'rows.parquet');
  const rows = await stageRows(db, options.checks.select(relation, inputs, 'file_row_number + 1'), file, staged);
  const notes = [
    ...(rows === 0 ? ['no rows'] : []),
    ...(fit.extra.length > 0 ? [`columns left out: ${fit.extra.slice(0, 10).join(', ')}`] : []),
    ...(fit.absent.length > 0 ? [`columns absent, taken as null: ${fit.absent.join(', ')}`] : []),
  ];
  return { staged, rows, rejected: 0, notes };
};

export interface ParquetColumn {
  readonly name: string;
  readonly type: string;
}

export const parquetColumns = async (db: SqlSession, path: string): Promise<readonly ParquetColumn[]> => {
  const rows = await db.rows(`describe select * from read_parquet(${literal(path)})`);
  return rows.map((row) => ({ name: String(row.column_name), type: String(row.column_type) }));
};

/** A value whose type says already what the contract wants is cast; all others are read as the text they would be in a CSV file. */
const inputOf = ({ sql }: ContractColumn, { name, type }: ParquetColumn): Input => {
  const column = identifier(name);
  if (type === 'VARCHAR') return { sql: `nullif(${column}, '')`, typed: false };
  if (type === 'TIMESTAMP WITH TIME ZONE' && sql === 'TIMESTAMP')
    return { sql: `make_timestamp(epoch_us(${column}))`, typed: true };
  const sameKind = [TEMPORAL, INTEGERS].some((kinds) => kinds.includes(type) && kinds.includes(sql));
  return type === sql || sameKind ? { sql: column, typed: true } : { sql: `${column}::varchar`, typed: false };
};
