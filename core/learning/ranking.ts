// Rows in descending order of score: what every metric of a scorer reads, sorted once however often it is resampled.
import { PerennialError } from '../errors.ts';

export interface Ranked {
  /** Row numbers, highest score first; equal scores keep the order they were given in. */
  readonly order: Uint32Array;
  /** 1 or 0, in that order. */
  readonly labels: Uint8Array;
  readonly scores: Float64Array;
}

/** How often each row counts, in ranked order: all 1 for the data itself, draws for a bootstrap resample. */
export type Counts = Uint16Array;

/** A figure of one scorer on one set of rows. NaN where it is undefined, as ROC-AUC is for a single class. */
export type Metric = (ranked: Ranked, counts?: Counts) => number;

/** Sorts rows by score. Throws `INVALID_INPUT` for no rows, a NaN score, or a label that is not 0 or 1. */
export const rank = (labels: ArrayLike<number>, scores: ArrayLike<number>): Ranked => {
  requireRows(labels, scores);
  const values = Float64Array.from(scores);
  const order = Uint32Array.from(values, (_, row) => row);
  order.sort((a, b) => at(values, b) - at(values, a) || a - b);
  return {
    order,
    labels: Uint8Array.from(order, (row) => labels[row] ?? 0),
    scores: Float64Array.from(order, (row) => at(values, row)),
  };
};

/** The element at an index known to be inside. */
export const at = (values: Float64Array | Uint8Array | Uint16Array | Uint32Array, index: number): number =>
  values[index] ?? 0;

/**
 * Calls `visit` once per group of equal scores, highest first, with the positives and negatives in it. What is summed up goes into `state`:
 * numbers in an object's fields are updated in place, while variables of a closure are allocated anew at every step.
 */
export const sweep = <State>(
  { labels, scores }: Ranked,
  counts: Counts | undefined,
  state: State,
  visit: (state: State, positives: number, negatives: number) => void,
): State => {
  const rows = labels.length;
  let positives = 0;
  let negatives = 0;
  for (let i = 0; i < rows; i += 1) {
    const count = counts === undefined ? 1 : at(counts, i);
    if (labels[i] === 1) positives += count;
    else negatives += count;
    if (i + 1 < rows && scores[i + 1] === scores[i]) continue;
    if (positives + negatives > 0) visit(state, positives, negatives);
    positives = 0;
    negatives = 0;
  }
  return state;
};

/** Positives and rows in all. */
export const totals = ({ labels }: Ranked, counts?: Counts): { positives: number; rows: number } => {
  let positives = 0;
  let rows = 0;
  for (let i = 0; i < labels.length; i += 1) {
    const count = counts === undefined ? 1 : at(counts, i);
    rows += count;
    if (labels[i] === 1) positives += count;
  }
  return { positives, rows };
};

const requireRows = (labels: ArrayLike<number>, scores: ArrayLike<number>): void => {
  if (labels.length === 0 || labels.length !== scores.length) {
    throw new PerennialError('INVALID_INPUT', 'Expected as many scores as labels, and at least one', {
      field: 'scores',
      value: { labels: labels.length, scores: scores.length },
    });
  }
  for (let row = 0; row < labels.length; row += 1) {
    const [label, score] = [labels[row], scores[row]];
    if ((label !== 0 && label !== 1) || score === undefined || Number.isNaN(score)) {
      throw new PerennialError('INVALID_INPUT', `Row ${row} cannot be judged: labels are 0 or 1, scores numbers`, {
        field: 'labels',
        value: { label, score: String(score) },
      });
    }
  }
};
