// Metrics and curves against scikit-learn 1.9.1 on 300 rows with many ties (`reference.json`: roc_auc_score, average_precision_score,
// brier_score_loss, log_loss, roc_curve(drop_intermediate=False), precision_recall_curve; bins by numpy.array_split), and by hand.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { averagePrecision } from '../../../core/learning/average-precision.ts';
import { calibrationBins, expectedCalibrationError } from '../../../core/learning/calibration.ts';
import { gainCurve, precisionRecallCurve, rocCurve, thin } from '../../../core/learning/curves.ts';
import { brier, logLoss } from '../../../core/learning/probability-loss.ts';
import { rank } from '../../../core/learning/ranking.ts';
import { rocAuc } from '../../../core/learning/roc-auc.ts';
import { liftAt, precisionAt, recallAt } from '../../../core/learning/top-share.ts';
import reference from './reference.json' with { type: 'json' };

const ranked = rank(reference.labels, reference.probabilities);

test('equal to scikit-learn', () => {
  expect(rocAuc(ranked)).toBeCloseTo(reference.rocAuc, 14);
  expect(averagePrecision(ranked)).toBeCloseTo(reference.averagePrecision, 14);
  expect(brier(ranked)).toBeCloseTo(reference.brier, 14);
  expect(logLoss(ranked)).toBeCloseTo(reference.logLoss, 14);
});

test('certain and wrong costs 36 nats, not infinity, as in scikit-learn', () => {
  expect(logLoss(rank([0], [1]))).toBeCloseTo(36.04365338911715, 10);
});

test('curves have scikit-learn’s points', () => {
  const roc = rocCurve(ranked).flatMap(({ falsePositiveRate, truePositiveRate }) => [
    falsePositiveRate,
    truePositiveRate,
  ]);
  expectClose(roc, reference.roc.flat());
  const pairs = precisionRecallCurve(ranked).flatMap(({ recall, precision }) => [recall, precision]);
  expectClose(pairs, reference.precisionRecall.slice(1).flat()); // theirs starts with an artificial (0, 1)
});

const expectClose = (ours: readonly number[], theirs: readonly number[]): void => {
  expect(ours.length).toBe(theirs.length);
  expect(Math.max(...ours.map((value, i) => Math.abs(value - (theirs[i] ?? Number.NaN))))).toBeLessThan(1e-14);
};

test('quantile bins and their calibration error', () => {
  const { probabilities, labels, bins, error } = reference.calibration;
  const ours = rank(labels, probabilities);
  const found = calibrationBins(ours, 10);
  expect(found.map(({ rows }) => rows)).toEqual(bins.map(({ rows }) => rows));
  found.forEach((bin, i) => {
    expect(bin.predicted).toBeCloseTo(bins[i]?.predicted ?? Number.NaN, 14);
    expect(bin.observed).toBeCloseTo(bins[i]?.observed ?? Number.NaN, 14);
  });
  expect(expectedCalibrationError(10)(ours)).toBeCloseTo(error, 14);
  expect(calibrationBins(rank([1, 0, 1, 0], [0.5, 0.5, 0.5, 0.5]), 2)).toEqual([
    { predicted: 0.5, observed: 0.5, rows: 4 },
  ]);
});

describe('the top share', () => {
  // 10 rows, 4 positives; best-scored first: 1 1 0 | 1 0 0 0 1 0 0
  const labels = [1, 1, 0, 1, 0, 0, 0, 1, 0, 0];
  const ten = rank(
    labels,
    labels.map((_, i) => 10 - i),
  );
  test('by hand', () => {
    expect(precisionAt(0.3)(ten)).toBeCloseTo(2 / 3, 15);
    expect(recallAt(0.3)(ten)).toBe(0.5);
    expect(liftAt(0.3)(ten)).toBeCloseTo(2 / 3 / 0.4, 14);
    expect(precisionAt(0.05)(ten)).toBe(1);
    expect(liftAt(1)(ten)).toBe(1);
  });
  test('ties keep the order given', () => {
    expect(precisionAt(0.5)(rank([1, 0, 1, 0], [1, 1, 1, 1]))).toBe(0.5);
    expect(precisionAt(0.25)(rank([1, 0, 0, 0], [1, 1, 1, 1]))).toBe(1);
  });
  test('a share counts whole rows even where binary fractions fall short', () => {
    const hundred = rank(
      [...Array(29).fill(1), ...Array(71).fill(0)],
      Array.from({ length: 100 }, (_, i) => -i),
    );
    expect(recallAt(0.29)(hundred)).toBe(1);
  });
  test('a share outside (0, 1] is refused', () => {
    expect(() => liftAt(5)).toThrow('share');
  });
});

test('the gain curve ends at all rows, all positives and lift 1', () => {
  expect(gainCurve(ranked).at(-1)).toEqual({ share: 1, recall: 1, lift: 1 });
});

test('curves stay within 200 points with their ends, in order', () => {
  const many = rank(
    Array.from({ length: 5000 }, (_, i) => (i % 7 === 0 ? 1 : 0)),
    Array.from({ length: 5000 }, (_, i) => (i * 7919) % 5000),
  );
  const roc = rocCurve(many);
  expect(roc.length).toBeLessThanOrEqual(200);
  expect(roc.length).toBeGreaterThan(190);
  expect(roc[0]).toEqual({ falsePositiveRate: 0, truePositiveRate: 0 });
  expect(roc.at(-1)).toEqual({ falsePositiveRate: 1, truePositiveRate: 1 });
  expect(thin([3], (x) => x)).toEqual([3]);
});

test('ROC-AUC is the share of pairs in the right order, ties half: counted pair by pair', () => {
  const rows = fc.array(fc.record({ label: fc.integer({ min: 0, max: 1 }), score: fc.integer({ min: 0, max: 5 }) }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(rows, (given) => {
      const [yes, no] = [1, 0].map((label) => given.filter((row) => row.label === label));
      const points = (yes ?? []).flatMap((a) =>
        (no ?? []).map((b) => (a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0)),
      );
      const expected = points.reduce<number>((sum, point) => sum + point, 0) / points.length;
      const found = rocAuc(
        rank(
          given.map(({ label }) => label),
          given.map(({ score }) => score),
        ),
      );
      if (Number.isNaN(expected)) expect(found).toBeNaN();
      else expect(found).toBeCloseTo(expected, 12);
    }),
  );
});

test('rows that cannot be judged are refused', () => {
  expect(() => rank([], [])).toThrow('at least one');
  expect(() => rank([1, 0], [1])).toThrow('as many');
  expect(() => rank([1, 2], [1, 2])).toThrow('Row 1');
  expect(() => rank([1, 0], [1, Number.NaN])).toThrow('Row 1');
  expect(rocAuc(rank([1, 1], [1, 2]))).toBeNaN();
});
