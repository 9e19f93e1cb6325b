// Which features move the scores, and how far: a summary of SHAP contributions (Lundberg et al. 2020, as LightGBM computes them).
import type { Booster } from './booster.ts';
import type { Matrix } from './dataset.ts';

/** Contributions are slow (a thousand rows take about as long as scoring a million), and their mean settles early. */
const LIMIT = 2_000;

/** Mean |contribution| to the raw score per feature, in the features' order, over at most 2,000 evenly spaced rows; one output only. */
export const meanAbsoluteContributions = (booster: Booster, matrix: Matrix, threads: number): Float64Array => {
  const sample = evenRows(matrix, LIMIT);
  const width = matrix.columns + 1;
  const contributions = booster.predict(sample, 'contribution', threads);
  const sums = new Float64Array(matrix.columns);
  for (let row = 0; row < sample.rows; row += 1) {
    for (let j = 0; j < matrix.columns; j += 1) {
      sums[j] = (sums[j] ?? 0) + Math.abs(contributions[row * width + j] ?? 0);
    }
  }
  return sums.map((sum) => sum / Math.max(1, sample.rows));
};

const evenRows = (matrix: Matrix, limit: number): Matrix => {
  if (matrix.rows <= limit) return matrix;
  const { columns } = matrix;
  const values = new Float64Array(limit * columns);
  for (let i = 0; i < limit; i += 1) {
    const row = Math.floor((i * matrix.rows) / limit);
    values.set(matrix.values.subarray(row * columns, (row + 1) * columns), i * columns);
  }
  return { values, rows: limit, columns };
};
