// What a campaign that reaches only the best-scored share of people gets: precision, recall and lift at that share.
import { PerennialError } from '../errors.ts';
import { at, type Counts, type Metric, type Ranked, totals } from './ranking.ts';

/** Share of positives among the top `share` of rows (`share` in (0, 1]; whole rows, rounded down, at least one; ties in the order given). */
export const precisionAt = (share: number): Metric => {
  requireShare(share);
  return (ranked, counts) => {
    const { found, taken } = top(ranked, share, counts);
    return found / taken;
  };
};

/** Share of all positives that the top `share` of rows holds; NaN without positives. */
export const recallAt = (share: number): Metric => {
  requireShare(share);
  return (ranked, counts) => {
    const { found, positives } = top(ranked, share, counts);
    return positives === 0 ? Number.NaN : found / positives;
  };
};

/** How many times more positives the top `share` holds than as many rows picked blindly; NaN without positives. */
export const liftAt = (share: number): Metric => {
  requireShare(share);
  return (ranked, counts) => {
    const { found, taken, positives, rows } = top(ranked, share, counts);
    return positives === 0 ? Number.NaN : found / taken / (positives / rows);
  };
};

const top = (ranked: Ranked, share: number, counts?: Counts) => {
  const { positives, rows } = totals(ranked, counts);
  // A share such as 0.07 of 100 rows is 7.000000000000001 in binary, and 0.29 is 28.999999999999996: forgive the last bits.
  const taken = Math.max(1, Math.floor(rows * share * (1 + 4 * Number.EPSILON)));
  let found = 0;
  for (let i = 0, left = taken; left > 0 && i < ranked.labels.length; i += 1) {
    const count = Math.min(left, counts === undefined ? 1 : at(counts, i));
    if (ranked.labels[i] === 1) found += count;
    left -= count;
  }
  return { found, taken, positives, rows };
};

const requireShare = (share: number): void => {
  if (!(share > 0 && share <= 1)) {
    throw new PerennialError('INVALID_INPUT', 'A share lies in (0, 1]', { field: 'share', value: share });
  }
};
