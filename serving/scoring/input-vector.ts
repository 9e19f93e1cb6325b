// Features as the numbers a model reads: in its order, categories by their codes, what is missing, unseen or of another kind as NaN.
import { encoder } from '../../core/learning/encoding.ts';
import type { Signature } from '../../core/model-package.ts';
import type { FeatureValues } from '../ports.ts';

export interface InputVector {
  readonly width: number;
  /** Writes one row into `matrix` from position `at`. */
  write(values: FeatureValues, matrix: Float64Array, at: number): void;
}

export const inputVector = ({ features, categories }: Signature): InputVector => {
  const columns = features.map(({ name, kind }) => {
    const code = kind === 'categorical' ? encoder(categories[name] ?? []) : undefined;
    return (values: FeatureValues): number => {
      const value = values[name];
      if (code) return code(value === undefined || value === null ? null : String(value));
      return typeof value === 'number' ? value : Number.NaN;
    };
  });
  return {
    width: columns.length,
    write: (values, matrix, at) => {
      for (const [i, column] of columns.entries()) matrix[at + i] = column(values);
    },
  };
};
