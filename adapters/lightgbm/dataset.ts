// A native LightGBM Dataset: binned feature rows with their labels and weights.
import { PerennialError } from '../../core/errors.ts';
import { check, type FieldData, type Handle, type LightGbm, type Out } from './library.ts';
import { type Params, paramText } from './params.ts';

/** Feature rows, row after row; NaN is null, categories are codes ≥ 0. */
export interface Matrix {
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

export interface DatasetInput {
  readonly matrix: Matrix;
  readonly featureNames: readonly string[];
  readonly labels: Float32Array;
  readonly weights?: Float32Array;
  /** Rows per query, for ranking; they sum to the number of rows. */
  readonly groups?: Int32Array;
  /** Bins are taken from this dataset: needed for validation data. */
  readonly reference?: Dataset;
}

const FLOAT32 = 0;
export const FLOAT64 = 1;
const INT32 = 2;
const fieldType = (data: FieldData): number =>
  data instanceof Float32Array ? FLOAT32 : data instanceof Float64Array ? FLOAT64 : INT32;

/** Owns native memory: call `free` when done. */
export class Dataset {
  readonly handle: Handle;
  private readonly library: LightGbm;

  private constructor(library: LightGbm, handle: Handle) {
    this.library = library;
    this.handle = handle;
  }

  /** Bins the rows. `params` must be the whole map that the Booster gets too: several of its keys act only here. */
  static create(library: LightGbm, input: DatasetInput, params: Params): Dataset {
    checkShape(input);
    const { values, rows, columns } = input.matrix;
    const { calls } = library;
    const out: Out<Handle> = [0n];
    const reference = input.reference?.handle ?? null;
    check(
      calls,
      calls.datasetFromMatrix(values, FLOAT64, rows, columns, 1, paramText(params), reference, out),
      'bin the feature rows',
    );
    const dataset = new Dataset(library, out[0]);
    try {
      dataset.fill(input);
      return dataset;
    } catch (error) {
      dataset.free();
      throw error;
    }
  }

  /**
   * Where boosting starts: raw scores of the trees there are already, class after class for several classes.
   * An empty array clears it; without that a reused Dataset would start the next model from the last one's scores.
   */
  startFrom(rawScores: Float64Array): void {
    this.setField('init_score', rawScores);
  }

  free(): void {
    check(this.library.calls, this.library.calls.datasetFree(this.handle), 'free a dataset');
  }

  private fill({ labels, weights, groups, featureNames }: DatasetInput): void {
    const { calls } = this.library;
    this.setField('label', labels);
    if (weights !== undefined) this.setField('weight', weights);
    if (groups !== undefined) this.setField('group', groups);
    check(calls, calls.datasetSetFeatureNames(this.handle, featureNames, featureNames.length), 'name the features');
  }

  private setField(name: string, data: FieldData): void {
    const { calls } = this.library;
    check(calls, calls.datasetSetField(this.handle, name, data, data.length, fieldType(data)), `set the ${name}`);
  }
}

/** Native code trusts lengths: a wrong one would read past the end of the memory. */
const checkShape = ({ matrix, labels, weights, featureNames }: DatasetInput): void => {
  const { values, rows, columns } = matrix;
  const lengths: readonly [string, number, number][] = [
    ['matrix', values.length, rows * columns],
    ['labels', labels.length, rows],
    ['weights', weights?.length ?? rows, rows],
    ['featureNames', featureNames.length, columns],
  ];
  for (const [field, found, expected] of lengths) {
    if (found !== expected)
      throw new PerennialError('INVALID_INPUT', `Expected ${expected} values`, { field, value: found });
  }
};
