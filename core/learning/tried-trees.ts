// The package's own trees as the fast way to score one row: taken only if they agree with the ONNX graph, on rows made to tell them apart.
import { PerennialError } from '../errors.ts';
import type { FeatureValue } from '../feature-value.ts';
import type { Signature } from '../model-package.ts';
import { randomStream } from '../random.ts';
import type { InputVector } from './input-vector.ts';
import { calibrated } from './platt.ts';
import { categoricalFeatures, rawScore, readTreeModel, type TreeModel } from './tree-model.ts';

/** The part of an ONNX session that trees are held against. */
export interface RawScores {
  score(matrix: Float64Array, rows: number): Promise<{ readonly raw: Float64Array }>;
}

/** Either the trees, or why there are none to be had. */
export type Trees = { readonly model: TreeModel } | { readonly why: string };

const ROWS = 512;
const SEED = 20_250_501;
/** Of one sum of float64 leaves, taken in two orders. */
const MOST_DIFFERENCE = 1e-9;

/**
 * Trees from LightGBM's text, tried on the given rows and on 512 more that stand on and beside the splits. Text that says more than the
 * reader knows leaves ONNX alone. `PARITY_BROKEN` where text and graph are two models.
 */
export const openTrees = async (
  text: string,
  session: RawScores,
  width: number,
  trial: readonly Float64Array[],
): Promise<Trees> => {
  const trees = readable(text, width);
  if ('why' in trees) return trees;
  const rows = [...trial, ...trialRows(trees.model, width)];
  const matrix = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries()) matrix.set(row, i * width);
  const { raw } = await session.score(matrix, rows.length);
  for (const [i, row] of rows.entries()) {
    const difference = Math.abs(rawScore(trees.model, row) - (raw[i] ?? Number.NaN));
    if (difference <= MOST_DIFFERENCE) continue;
    throw new PerennialError('PARITY_BROKEN', 'The trees and the graph of the package score a row differently', {
      field: 'model.txt',
      value: String(difference),
    });
  }
  return trees;
};

/** The probability of one row, by the trees: to the bit the same wherever it is asked for. */
export const walkedScore =
  ({ calibration }: Pick<Signature, 'calibration'>, vector: Pick<InputVector, 'row'>, model: TreeModel) =>
  (values: Readonly<Record<string, FeatureValue>>): number =>
    calibrated(calibration, rawScore(model, vector.row(values)));

const readable = (text: string, width: number): Trees => {
  try {
    const model = readTreeModel(text);
    if (model.features.length === width) return { model };
    return { why: `model.txt has ${model.features.length} features, the signature ${width}` };
  } catch (error) {
    if (error instanceof PerennialError && error.code === 'CONTRACT_BROKEN') return { why: error.message };
    throw error;
  }
};

/** Each value is one of the feature's thresholds, beside one, a small whole number (a category, zero), or missing. */
const trialRows = (model: TreeModel, width: number): Float64Array[] => {
  const random = randomStream(SEED);
  const categorical = categoricalFeatures(model);
  const splits = Array.from({ length: width }, (): number[] => []);
  for (const [node, feature] of model.feature.entries()) splits[feature]?.push(model.threshold[node] ?? 0);
  const value = (column: readonly number[], feature: number): number => {
    const kind = random();
    if (kind < 0.1) return Number.NaN;
    if (kind < 0.3 || categorical.has(feature)) return Math.floor(random() * 300);
    const split = column[Math.floor(random() * column.length)] ?? 0;
    return kind < 0.6 ? split : split + (random() - 0.5) * Math.max(1, Math.abs(split));
  };
  return Array.from({ length: ROWS }, () => Float64Array.from(splits, value));
};
