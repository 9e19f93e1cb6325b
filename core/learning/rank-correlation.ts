// Spearman's rank correlation: how far two columns say the same thing, whatever the scale. For feature selection.

/** Ranks from 1, ties share their mean rank. */
export const ranks = (values: ArrayLike<number>): Float64Array => {
  const given = Float64Array.from(values);
  const order = Uint32Array.from(given, (_, i) => i).sort((a, b) => (given[a] ?? 0) - (given[b] ?? 0));
  const ranked = new Float64Array(given.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && given[order[to] ?? 0] === given[order[from] ?? 0]) to += 1;
    for (let i = from; i < to; i += 1) ranked[order[i] ?? 0] = (from + to + 1) / 2;
    from = to;
  }
  return ranked;
};

/** In [−1, 1], over the rows where neither is missing (NaN); NaN for fewer than two such rows, or a constant column. */
export const spearman = (a: Float64Array, b: Float64Array): number => {
  const both = Array.from(a.keys()).filter((i) => !Number.isNaN(a[i]) && !Number.isNaN(b[i]));
  const column = (values: Float64Array) => ranks(Float64Array.from(both, (i) => values[i] ?? Number.NaN));
  return pearson(column(a), column(b));
};

const pearson = (a: Float64Array, b: Float64Array): number => {
  if (a.length < 2) return Number.NaN;
  const [meanA, meanB] = [mean(a), mean(b)];
  const sums = { ab: 0, aa: 0, bb: 0 };
  for (let i = 0; i < a.length; i += 1) {
    const [x, y] = [(a[i] ?? 0) - meanA, (b[i] ?? 0) - meanB];
    sums.ab += x * y;
    sums.aa += x * x;
    sums.bb += y * y;
  }
  return sums.ab / Math.sqrt(sums.aa * sums.bb);
};

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
