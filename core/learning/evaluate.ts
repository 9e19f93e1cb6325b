// How well scores foretell labels: the figures and curves that a version is judged by, the same for a model, a rule and the planted truth.
import type { Curves } from '../pictures/curves.ts';
import { averagePrecision } from './average-precision.ts';
import { bootstrap, type Interval, type Metrics, pairedBootstrap } from './bootstrap.ts';
import { calibrationBins, expectedCalibrationError } from './calibration.ts';
import { gainCurve, rocCurve } from './curves.ts';
import { brier } from './probability-loss.ts';
import { type Ranked, rank } from './ranking.ts';
import { rocAuc } from './roc-auc.ts';
import { liftAt, precisionAt, recallAt } from './top-share.ts';

/** Figures of an order: what a rule has too. */
const RANKING = {
  roc_auc: rocAuc,
  average_precision: averagePrecision,
  lift_at_5: liftAt(0.05),
  lift_at_10: liftAt(0.1),
  precision_at_5: precisionAt(0.05),
  precision_at_10: precisionAt(0.1),
  recall_at_5: recallAt(0.05),
  recall_at_10: recallAt(0.1),
} satisfies Metrics<string>;
/** Figures of probabilities: meaningless for a rule's scores. */
const PROBABILITY = { brier, calibration_error: expectedCalibrationError(10) } satisfies Metrics<string>;
const GAP = { roc_auc: rocAuc, lift_at_5: liftAt(0.05) } satisfies Metrics<string>;

export interface Judged {
  readonly figures: Record<string, Interval>;
  readonly ranked: Ranked;
}

/** Every figure with its bootstrap interval (95 %, 200 resamples). `labels` 0 or 1, `scores` any number, higher is likelier. */
export const evaluate = (
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  { probabilities, seed }: { probabilities: boolean; seed: number },
): Judged => {
  const ranked = rank(labels, scores);
  const metrics: Metrics<string> = probabilities ? { ...RANKING, ...PROBABILITY } : RANKING;
  return { ranked, figures: bootstrap(ranked, metrics, { seed }) };
};

/** Model minus oracle on the same resamples of the same rows. */
export const gapTo = (model: Judged, oracle: Judged, seed: number): Record<keyof typeof GAP, Interval> =>
  pairedBootstrap(model.ranked, oracle.ranked, GAP, { seed });

/** The points of every picture. Calibration only where the scores are probabilities. */
export const curvesOf = ({ ranked }: Judged, probabilities: boolean): Curves => {
  const gain = gainCurve(ranked);
  return {
    roc: rocCurve(ranked),
    gain: gain.map(({ share, recall }) => ({ share, gain: recall })),
    lift: gain.filter(({ share }) => share > 0).map(({ share, lift }) => ({ share, lift })),
    calibration: probabilities
      ? calibrationBins(ranked, 10).map(({ predicted, observed, rows }) => ({ predicted, observed, rows }))
      : [],
  };
};
