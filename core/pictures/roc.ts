// The ROC curve: what share of the positives is found at the price of what share of the negatives.
import type { RocPoint } from './curves.ts';
import { type Contenders, labelsOf, seriesRows } from './series.ts';
import { type Picture, picture, seriesEncoding, shareAxis } from './theme.ts';

const CHANCE: readonly RocPoint[] = [
  { falsePositiveRate: 0, truePositiveRate: 0 },
  { falsePositiveRate: 1, truePositiveRate: 1 },
];

/** `found` is the subtitle, e.g. `ROC-AUC 0.78 (0.76–0.80), the rule's 0.71`. */
export const rocPicture = (contenders: Contenders<RocPoint>, found: string): Picture =>
  picture('ROC curve', found, {
    width: 380,
    height: 380,
    data: { values: seriesRows(contenders, CHANCE) },
    mark: { type: 'line', interpolate: 'linear', clip: true },
    encoding: {
      x: shareAxis('falsePositiveRate', 'False positives (% of negatives)'),
      y: shareAxis('truePositiveRate', 'True positives (% of positives)'),
      order: { field: 'order', type: 'quantitative' },
      ...seriesEncoding(labelsOf(contenders, true)),
    },
  });
