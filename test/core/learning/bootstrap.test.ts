// Bootstrap intervals: against a closed form, covering as often as they say, equal for equal seeds, tighter when paired.
import { expect, test } from 'vitest';
import { averagePrecision } from '../../../core/learning/average-precision.ts';
import { bootstrap, pairedBootstrap, quantile } from '../../../core/learning/bootstrap.ts';
import { expectedCalibrationError } from '../../../core/learning/calibration.ts';
import { brier } from '../../../core/learning/probability-loss.ts';
import { type Counts, type Metric, rank } from '../../../core/learning/ranking.ts';
import { rocAuc } from '../../../core/learning/roc-auc.ts';
import { liftAt, precisionAt } from '../../../core/learning/top-share.ts';
import { randomStream } from '../../../core/random.ts';

const rows = (count: number, seed: number, noise: number) => {
  const random = randomStream(seed);
  const truth = Array.from({ length: count }, () => random());
  const labels = truth.map((p) => (random() < p ? 1 : 0));
  const scores = truth.map((p) => Math.min(1, Math.max(0, p + noise * (random() - 0.5))));
  return { labels, scores };
};

test('counting a row twice is the same as the row standing there twice, for every metric', () => {
  const { labels, scores } = rows(60, 1, 0.1);
  const ties = scores.map((score) => Math.round(score * 10) / 10);
  const ranked = rank(labels, ties);
  const counts = Uint16Array.from(ranked.order, (row) => row % 4);
  const repeated = [...ranked.order].flatMap((row) => Array(row % 4).fill(row) as number[]);
  const spelled = rank(
    repeated.map((row) => labels[row] ?? 0),
    repeated.map((row) => ties[row] ?? 0),
  );
  const metrics: Metric[] = [
    rocAuc,
    averagePrecision,
    brier,
    liftAt(0.1),
    precisionAt(0.33),
    expectedCalibrationError(5),
  ];
  for (const metric of metrics) expect(metric(ranked, counts)).toBeCloseTo(metric(spelled), 12);
});

test('the interval of a share of positives is the binomial’s', () => {
  const n = 2_000;
  const labels = Array.from({ length: n }, (_, i) => (i % 5 === 0 ? 1 : 0));
  const { share } = bootstrap(
    rank(
      labels,
      labels.map(() => 0),
    ),
    { share: precisionAt(1) },
    { seed: 1, resamples: 4_000 },
  );
  const half = 1.96 * Math.sqrt((0.2 * 0.8) / n);
  expect(share.value).toBeCloseTo(0.2, 12);
  expect(share.low).toBeCloseTo(0.2 - half, 2.7);
  expect(share.high).toBeCloseTo(0.2 + half, 2.7);
});

test('equal seeds give equal intervals, other seeds others', () => {
  const { labels, scores } = rows(500, 2, 0.2);
  const run = (seed: number) => bootstrap(rank(labels, scores), { rocAuc, lift: liftAt(0.1) }, { seed });
  expect(run(1)).toEqual(run(1));
  expect(run(1).rocAuc.low).not.toBe(run(2).rocAuc.low);
});

test('a 90 % interval of ROC-AUC covers the truth about nine times in ten', () => {
  // labels drawn with chance p, scores p uniform: ROC-AUC is 5/6 in the limit
  const covered = Array.from({ length: 100 }, (_, i) => {
    const { labels, scores } = rows(400, 100 + i, 0);
    const { low, high } = bootstrap(rank(labels, scores), { rocAuc }, { seed: i, level: 0.9 }).rocAuc;
    return low <= 5 / 6 && 5 / 6 <= high;
  }).filter(Boolean).length;
  expect(covered).toBeGreaterThanOrEqual(82);
  expect(covered).toBeLessThanOrEqual(97);
});

test('a paired difference of a scorer and itself is 0; of a better and a worse one it excludes 0 where single intervals overlap', () => {
  const { labels, scores } = rows(800, 3, 0);
  const worse = scores.map((score, i) => score + 0.35 * (randomStream(i)() - 0.5));
  const [a, b] = [rank(labels, scores), rank(labels, worse)];
  expect(pairedBootstrap(a, a, { rocAuc }, { seed: 1 }).rocAuc).toEqual({ value: 0, low: 0, high: 0, resamples: 200 });
  const { value, low } = pairedBootstrap(a, b, { rocAuc }, { seed: 1 }).rocAuc;
  expect(value).toBeCloseTo(rocAuc(a) - rocAuc(b), 14);
  expect(low).toBeGreaterThan(0);
  expect(bootstrap(b, { rocAuc }, { seed: 1 }).rocAuc.high).toBeGreaterThan(
    bootstrap(a, { rocAuc }, { seed: 1 }).rocAuc.low,
  );
});

test('a resample without positives is left out and counted', () => {
  const labels = [1, ...Array(19).fill(0)] as number[];
  const { resamples } = bootstrap(
    rank(
      labels,
      labels.map((_, i) => i),
    ),
    { rocAuc },
    { seed: 1, resamples: 400 },
  ).rocAuc;
  expect(resamples).toBeGreaterThan(200);
  expect(resamples).toBeLessThan(300); // (1 − 1/20)^20 = 0.36 of them have none
});

test('other rows, too few resamples and a strange level are refused', () => {
  const [a, b] = [rank([1, 0], [1, 2]), rank([0, 1], [1, 2])];
  expect(() => pairedBootstrap(a, b, { rocAuc }, { seed: 1 })).toThrow('same rows');
  expect(() => bootstrap(a, { rocAuc }, { seed: 1, resamples: 10 })).toThrow('200');
  expect(() => bootstrap(a, { rocAuc }, { seed: 1, level: 95 })).toThrow('level');
});

test('quantiles interpolate as NumPy’s do', () => {
  expect(quantile(Float64Array.of(1, 2, 3, 4), 0.4)).toBeCloseTo(2.2, 14);
  expect(quantile(new Float64Array(0), 0.5)).toBeNaN();
  const counts: Counts = new Uint16Array(2);
  expect(rocAuc(rank([1, 0], [1, 2]), counts)).toBeNaN();
});
