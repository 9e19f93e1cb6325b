// The points that a model's pictures are drawn from, as they are kept in a version's `metrics.json`. All shares lie in [0, 1].
import { z } from 'zod';

const share = z.number().min(0).max(1);

/** Of a threshold: which share of the negatives and of the positives scores above it. */
export const RocPoint = z.strictObject({ falsePositiveRate: share, truePositiveRate: share });
/** Of the best-scored share of the entities: which share of all positives is among them. */
export const GainPoint = z.strictObject({ share, gain: share });
/** Of the best-scored share of the entities: how many times likelier a positive is among them than among all. */
export const LiftPoint = z.strictObject({ share, lift: z.number().min(0) });
/** Of one bin of predictions: their mean, and the share of positives that came, with its interval where it was measured. */
export const CalibrationPoint = z.strictObject({
  predicted: share,
  observed: share,
  rows: z.number().positive(),
  low: share.optional(),
  high: share.optional(),
});

export const Curves = z.strictObject({
  roc: z.array(RocPoint).max(2_000).readonly(),
  gain: z.array(GainPoint).max(2_000).readonly(),
  lift: z.array(LiftPoint).max(2_000).readonly(),
  /** Empty where the scores are no probabilities (a rule). */
  calibration: z.array(CalibrationPoint).max(200).readonly(),
});

/** Total gain of a feature's splits, and their number. */
export const ImportanceRow = z.strictObject({
  feature: z.string(),
  gain: z.number().min(0),
  splits: z.int().min(0),
});

/** Mean |SHAP value| (log-odds). `direction`: correlation of the feature with its SHAP values in [−1, 1], null for categories. */
export const ShapRow = z.strictObject({
  feature: z.string(),
  meanAbsolute: z.number().min(0),
  direction: z.number().min(-1).max(1).nullable(),
});

export type RocPoint = z.infer<typeof RocPoint>;
export type GainPoint = z.infer<typeof GainPoint>;
export type LiftPoint = z.infer<typeof LiftPoint>;
export type CalibrationPoint = z.infer<typeof CalibrationPoint>;
export type Curves = z.infer<typeof Curves>;
export type ImportanceRow = z.infer<typeof ImportanceRow>;
export type ShapRow = z.infer<typeof ShapRow>;
