// How far probabilities lie from what happened: Brier score (Brier 1950) and log loss. Scores must be probabilities here.
import { at, type Counts, type Metric, type Ranked } from './ranking.ts';

/** Mean squared distance between probability and outcome, in [0, 1]. */
export const brier: Metric = (ranked, counts) => mean(ranked, counts, (label, p) => (p - label) ** 2);

/** Mean negative log likelihood in nats; probabilities are kept one rounding unit away from 0 and 1, as scikit-learn does. */
export const logLoss: Metric = (ranked, counts) =>
  mean(ranked, counts, (label, p) => {
    const kept = Math.min(1 - Number.EPSILON, Math.max(Number.EPSILON, p));
    return -(label === 1 ? Math.log(kept) : Math.log(1 - kept));
  });

const mean = (
  { labels, scores }: Ranked,
  counts: Counts | undefined,
  loss: (label: number, probability: number) => number,
): number => {
  let sum = 0;
  let rows = 0;
  for (let i = 0; i < labels.length; i += 1) {
    const count = counts === undefined ? 1 : at(counts, i);
    if (count === 0) continue;
    rows += count;
    sum += count * loss(at(labels, i), at(scores, i));
  }
  return sum / rows;
};
