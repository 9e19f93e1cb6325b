// Balanced class weights: rare positives count as much in all as the many negatives (scikit-learn's `class_weight="balanced"`).
import { PerennialError } from '../errors.ts';

/** One weight per row: n / (2 · rows of its class). Labels are 0 or 1; throws `INVALID_INPUT` unless both occur. */
export const balancedWeights = (labels: Float32Array): Float32Array => {
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const negatives = labels.length - positives;
  if (!labels.every((label) => label === 0 || label === 1) || positives === 0 || negatives === 0) {
    throw new PerennialError('INVALID_INPUT', 'Balancing needs labels 0 and 1, both present', {
      field: 'labels',
      value: { rows: labels.length, positives },
    });
  }
  const ofPositive = labels.length / (2 * positives);
  const ofNegative = labels.length / (2 * negatives);
  return labels.map((label) => (label === 1 ? ofPositive : ofNegative));
};
