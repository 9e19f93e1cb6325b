// What happens to rows before and after learning: time split, class weights, categories, segments, Platt scaling.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { balancedWeights } from '../../../core/learning/class-weights.ts';
import { countCategories, encoder, fitDictionary } from '../../../core/learning/encoding.ts';
import { calibrated, fitPlatt } from '../../../core/learning/platt.ts';
import { planSegments, segmentSeed } from '../../../core/learning/segments.ts';
import { splitByTime } from '../../../core/learning/time-split.ts';
import reference from './reference.json' with { type: 'json' };

const windows = { observationDays: 400, gapDays: 0, labelDays: 30, strideDays: 30, trainingCuts: 5 };

describe('time split', () => {
  test('the invoices of 2010-12-01 … 2011-12-09', () => {
    expect(splitByTime({ asOf: '2011-12-09', windows, firstDay: '2010-12-01' })).toEqual({
      score: '2011-12-09',
      test: '2011-11-09',
      calibrate: '2011-10-10',
      train: ['2011-09-10', '2011-08-11', '2011-07-12', '2011-06-12', '2011-05-13'],
    });
  });
  test('fewer training cuts where history is short, none is an error that says how much is needed', () => {
    const at = (asOf: string) => splitByTime({ asOf, windows, firstDay: '2019-10-01' });
    expect(at('2020-02-29').train).toEqual(['2019-12-01', '2019-11-01']);
    expect(() => at('2020-01-15')).toThrow(/106 days .* at least 120 days/);
  });
  test('no label window reaches into a later role’s cut, whatever the windows', () => {
    const days = (max: number) => fc.integer({ min: 0, max });
    const any = fc.record({
      observationDays: days(400),
      gapDays: days(20),
      labelDays: days(60).map((d) => d + 1),
      strideDays: days(60).map((d) => d + 1),
      trainingCuts: days(9).map((d) => d + 1),
    });
    fc.assert(
      fc.property(any, (given) => {
        const split = splitByTime({ asOf: '2020-03-01', windows: given, firstDay: '2018-01-01' });
        const reach = (given.gapDays + given.labelDays) * 86_400_000;
        const roles = [split.train[0] ?? '', split.calibrate, split.test, split.score].map((day) => Date.parse(day));
        for (const [i, cut] of roles.slice(1).entries())
          expect((roles[i] ?? Number.NaN) + reach).toBeLessThanOrEqual(cut);
        expect([...split.train].sort().reverse()).toEqual(split.train);
      }),
    );
  });
  test('a day that does not exist is refused', () => {
    expect(() => splitByTime({ asOf: '2011-02-30', windows, firstDay: '2010-12-01' })).toThrow('asOf');
  });
});

test('balanced weights are scikit-learn’s compute_class_weight("balanced"): 0.625 and 2.5 for 8 and 2 rows', () => {
  const weights = balancedWeights(Float32Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 1));
  expect([weights[0], weights[4]]).toEqual([0.625, 2.5]);
  expect(() => balancedWeights(Float32Array.of(1, 1))).toThrow('both present');
});

describe('categories', () => {
  test('codes by descending count, then name; null, unseen and beyond the limit are missing', () => {
    const counts = countCategories(['b', 'a', null, 'c', 'c', 'b', 'a', 'c', 'rare']);
    const dictionary = fitDictionary(counts, 3);
    expect(dictionary).toEqual(['c', 'a', 'b']);
    expect(['c', 'a', 'b', 'rare', null, 'new', ''].map(encoder(dictionary))).toEqual([0, 1, 2, NaN, NaN, NaN, NaN]);
  });
  test('the order of rows does not matter', () => {
    const values = fc.array(fc.string({ maxLength: 2 }));
    fc.assert(
      fc.property(values, (given) => {
        expect(fitDictionary(countCategories(given))).toEqual(fitDictionary(countCategories([...given].reverse())));
      }),
    );
  });
  test('at most 255', () => {
    expect(fitDictionary(Array.from({ length: 300 }, (_, i) => [`c${i}`, 1] as const))).toHaveLength(255);
  });
});

describe('segments', () => {
  test('cover the rounds; the first keeps the seed, the others get their own', () => {
    const plan = planSegments(23, 10, 42);
    expect(plan.map(({ start, rounds }) => [start, rounds])).toEqual([
      [0, 10],
      [10, 10],
      [20, 3],
    ]);
    expect(plan[0]?.seed).toBe(42);
    const seeds = Array.from({ length: 1000 }, (_, i) => segmentSeed(42, i));
    expect(new Set(seeds).size).toBe(1000);
    expect(seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31)).toBe(true);
    expect(segmentSeed(43, 1)).not.toBe(segmentSeed(42, 1));
  });
  test('a seed that LightGBM would cut off is refused', () => {
    expect(() => segmentSeed(2 ** 31, 0)).toThrow('seed');
    expect(() => planSegments(0, 1, 1)).toThrow('rounds');
  });
});

describe('Platt scaling', () => {
  const platt = fitPlatt(reference.raw, reference.labels);
  test('finds the optimum of SciPy 1.17.1 minimize(BFGS, gtol 1e-10) on the same objective', () => {
    expect(platt.slope).toBeCloseTo(reference.platt[0] ?? Number.NaN, 6);
    expect(platt.intercept).toBeCloseTo(reference.platt[1] ?? Number.NaN, 6);
  });
  test('and of scikit-learn 1.9.1 _sigmoid_calibration', () => {
    expect(platt.slope).toBeCloseTo(reference.sklearnPlatt[0] ?? Number.NaN, 4);
    expect(platt.intercept).toBeCloseTo(reference.sklearnPlatt[1] ?? Number.NaN, 4);
  });
  test('probabilities are finite at any score', () => {
    expect([-1e308, -1000, 0, 1000, 1e308].map((raw) => calibrated({ slope: 2, intercept: 0 }, raw))).toEqual([
      0, 0, 0.5, 1, 1,
    ]);
  });
  test('perfectly separated scores still give a finite slope, thanks to the corrected targets', () => {
    const { slope, intercept } = fitPlatt([-2, -1, 1, 2], [0, 0, 1, 1]);
    expect(slope).toBeGreaterThan(0);
    expect(Math.abs(intercept)).toBeLessThan(1e-9);
    expect(calibrated({ slope, intercept }, 2)).toBeLessThan(0.85);
  });
  test('a single class is refused', () => {
    expect(() => fitPlatt([1, 2], [1, 1])).toThrow('both classes');
  });
});
