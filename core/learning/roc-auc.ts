// ROC-AUC: the chance that a positive scores above a negative, ties counted half (Hanley & McNeil 1982). Equal to scikit-learn's.
import { type Metric, sweep } from './ranking.ts';

/** In [0, 1]; NaN for a single class. */
export const rocAuc: Metric = (ranked, counts) => {
  const start = { above: 0, pairs: 0, negatives: 0 };
  const { above, pairs, negatives } = sweep(ranked, counts, start, (state, positive, negative) => {
    state.pairs += negative * (state.above + positive / 2);
    state.above += positive;
    state.negatives += negative;
  });
  return above * negatives === 0 ? Number.NaN : pairs / (above * negatives);
};
