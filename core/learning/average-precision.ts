// Average precision: precision at each threshold, weighted by the recall gained there; no interpolation. Equal to scikit-learn's.
import { type Metric, sweep } from './ranking.ts';

/** In [0, 1]; NaN without positives. */
export const averagePrecision: Metric = (ranked, counts) => {
  const start = { found: 0, taken: 0, area: 0 };
  const { found, area } = sweep(ranked, counts, start, (state, positive, negative) => {
    state.found += positive;
    state.taken += positive + negative;
    state.area += positive * (state.found / state.taken);
  });
  return found === 0 ? Number.NaN : area / found;
};
