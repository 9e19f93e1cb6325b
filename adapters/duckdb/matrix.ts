// Query results as numbers for learners: a row-major float64 matrix, filled chunk by chunk without boxing a value.
import { type DuckDBDataChunk, DuckDBDoubleVector } from '@duckdb/node-api';
import { PerennialError } from '../../core/errors.ts';
import type { DuckDb } from './session.ts';

export interface NumericRows {
  /** Row after row; NaN is null. */
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** All rows of a select whose columns are all DOUBLE. `onRows` hears how many have arrived. */
export const readMatrix = async (
  db: DuckDb,
  select: string,
  rows: number,
  onRows: (done: number) => void,
): Promise<NumericRows> => {
  const result = await db.connection.stream(select);
  const columns = result.columnCount;
  const values = new Float64Array(rows * columns);
  let done = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    if (done + chunk.rowCount > rows)
      throw new PerennialError('CONFLICT', 'a query returned more rows than it counted', { value: rows });
    copyChunk(chunk, columns, values, done);
    done += chunk.rowCount;
    onRows(done);
  }
  if (done !== rows)
    throw new PerennialError('CONFLICT', 'a query returned fewer rows than it counted', { value: { done, rows } });
  return { values, rows, columns };
};

const copyChunk = (chunk: DuckDBDataChunk, columns: number, into: Float64Array, from: number): void => {
  for (let column = 0; column < columns; column += 1) {
    const vector = chunk.getColumnVector(column);
    if (!(vector instanceof DuckDBDoubleVector)) {
      throw new PerennialError('INVALID_INPUT', 'a matrix is made of DOUBLE columns', {
        field: 'column',
        value: column,
      });
    }
    for (let row = 0; row < chunk.rowCount; row += 1)
      into[(from + row) * columns + column] = vector.getItem(row) ?? Number.NaN;
  }
};
