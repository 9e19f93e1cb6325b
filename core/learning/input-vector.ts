// Features as the numbers a model reads: in its order, categories by their codes, what is missing, unseen or of another kind as NaN.
import type { FeatureValue } from '../feature-value.ts';
import type { Signature } from '../model-package.ts';
import { encoder } from './encoding.ts';

type FeatureValues = Readonly<Record<string, FeatureValue>>;

export interface InputVector {
  readonly width: number;
  /** One row by itself. */
  row(values: FeatureValues): Float64Array;
  /** Writes one row into `matrix` from position `at`. */
  write(values: FeatureValues, matrix: Float64Array, at: number): void;
}

interface Column {
  readonly name: string;
  /** Of a category. */
  readonly code: ReturnType<typeof encoder> | undefined;
}

export const inputVector = ({ features, categories }: Signature): InputVector => {
  const columns = features.map(
    ({ name, kind }): Column => ({
      name,
      code: kind === 'categorical' ? encoder(categories[name] ?? []) : undefined,
    }),
  );
  const width = columns.length;
  const write: InputVector['write'] = (values, matrix, at) => {
    for (let i = 0; i < width; i += 1) {
      const { name, code } = columns[i] as Column;
      const value = values[name];
      if (code) matrix[at + i] = code(value === undefined || value === null ? null : String(value));
      else matrix[at + i] = typeof value === 'number' ? value : Number.NaN;
    }
  };
  const row: InputVector['row'] = (values) => {
    const matrix = new Float64Array(width);
    write(values, matrix, 0);
    return matrix;
  };
  return { width, row, write };
};
