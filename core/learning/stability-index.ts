// The population stability index: how far a column's distribution has moved between two samples. Above 0.25 is by custom a different
// population, below 0.1 the same. For feature selection.

const BINS = 10;
/** Stands in for a share of nothing, whose logarithm would be infinite. */
const LEAST_SHARE = 1e-4;

/** Σ (q − p) · ln(q / p) over the shares of the same bins in two samples. */
export const stabilityIndex = (before: readonly number[], after: readonly number[]): number =>
  before.reduce((sum, share, bin) => {
    const [p, q] = [Math.max(share, LEAST_SHARE), Math.max(after[bin] ?? 0, LEAST_SHARE)];
    return sum + (q - p) * Math.log(q / p);
  }, 0);

/** Numbers in the deciles of the first sample (equal ends once), missing ones (NaN) in a bin of their own. */
export const numericStability = (before: Float64Array, after: Float64Array): number => {
  const ends = decileEnds(before);
  return stabilityIndex(numericShares(before, ends), numericShares(after, ends));
};

/** Values of both samples, each a bin; null is one too. */
export const categoricalStability = (before: readonly (string | null)[], after: readonly (string | null)[]): number => {
  const [first, second] = [countsOf(before), countsOf(after)];
  const values = [...new Set([...first.keys(), ...second.keys()])];
  const shares = (counts: ReadonlyMap<string | null, number>, rows: number) =>
    values.map((value) => (counts.get(value) ?? 0) / Math.max(rows, 1));
  return stabilityIndex(shares(first, before.length), shares(second, after.length));
};

/** Upper ends of all bins but the last: values that occur, the lower of two. */
const decileEnds = (values: Float64Array): readonly number[] => {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const ends = Array.from({ length: BINS - 1 }, (_, i) => sorted[Math.ceil((sorted.length * (i + 1)) / BINS) - 1]);
  return [...new Set(ends.filter((end): end is number => end !== undefined))];
};

const numericShares = (values: Float64Array, ends: readonly number[]): number[] => {
  const counts = new Array<number>(ends.length + 2).fill(0);
  for (const value of values) {
    const above = ends.findIndex((end) => value <= end);
    const bin = Number.isNaN(value) ? ends.length + 1 : above < 0 ? ends.length : above;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts.map((count) => count / Math.max(values.length, 1));
};

const countsOf = (values: readonly (string | null)[]): ReadonlyMap<string | null, number> => {
  const counts = new Map<string | null, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};
