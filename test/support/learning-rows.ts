// Seeded rows with nulls, categories, ties and constants, and labels of several kinds that depend on them: what learner tests train on.
import { randomStream } from '../../core/random.ts';

export const FEATURE_NAMES = [
  'a',
  'b',
  'c',
  'd',
  'e',
  'whole',
  'spiked',
  'tenths',
  'small_category',
  'big_category',
  'constant',
  'wide',
];
export const CATEGORICAL = [8, 9];
const COLUMNS = FEATURE_NAMES.length;
const EFFECT = [1, -1, 0, 0.5, -0.7, 2];

export interface LearningRows {
  readonly matrix: { readonly values: Float64Array; readonly rows: number; readonly columns: number };
  readonly binary: Float32Array;
  readonly real: Float32Array;
  /** 0…3, ordered: serves as class and as relevance grade. */
  readonly grade: Float32Array;
  readonly weights: Float32Array;
  readonly groups: Int32Array;
}

export const learningRows = (rows: number, seed: number): LearningRows => {
  const random = randomStream(seed);
  const values = new Float64Array(rows * COLUMNS);
  const [binary, real, grade, weights] = [0, 0, 0, 0].map(() => new Float32Array(rows)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  for (let row = 0; row < rows; row += 1) {
    const signal = fillRow(values.subarray(row * COLUMNS, (row + 1) * COLUMNS), random);
    binary[row] = signal > 1 ? 1 : 0;
    real[row] = signal;
    grade[row] = signal < -1 ? 0 : signal < 0.5 ? 1 : signal < 2 ? 2 : 3;
    weights[row] = random() < 0.5 ? 1 : 2;
  }
  return { matrix: { values, rows, columns: COLUMNS }, binary, real, grade, weights, groups: groupSizes(rows, random) };
};

const fillRow = (row: Float64Array, random: () => number): number => {
  let signal = (random() + random() + random() - 1.5) * 1.5;
  for (let j = 0; j < 5; j += 1) {
    const value = random() * 10 - 5;
    const missing = random() < 0.08;
    row[j] = missing ? Number.NaN : value;
    signal += missing ? 0.7 : value * ((j % 3) - 1) * 0.4;
  }
  const [whole, spiked] = [Math.floor(random() * 20), random() < 0.6 ? 0 : random() * 3];
  const [small, big] = [Math.floor(random() * 6), Math.floor(random() * random() * 80)];
  row.set([whole, spiked, Math.round(random() * 100) / 10, random() < 0.05 ? Number.NaN : small, big, 1], 5);
  row[11] = random() < 0.3 ? -1e-37 * random() : random() * 1e6;
  signal += (EFFECT[small] ?? 0) + (((big * 7919) % 13) - 6) * 0.15 + spiked * 0.3 + (whole > 10 ? 0.5 : 0);
  return signal;
};

const groupSizes = (rows: number, random: () => number): Int32Array => {
  const sizes: number[] = [];
  for (let left = rows; left > 0; ) {
    const size = Math.min(left, 5 + Math.floor(random() * 20));
    sizes.push(size);
    left -= size;
  }
  return Int32Array.from(sizes);
};
