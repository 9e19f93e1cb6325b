// Feature selection: rank correlation beside scipy's, stability beside numpy's, and the proposal on cases made for each reason.
import { describe, expect, it } from 'vitest';
import { type Candidate, selectFeatures } from '../../../core/learning/feature-selection.ts';
import { ranks, spearman } from '../../../core/learning/rank-correlation.ts';
import { categoricalStability, numericStability, stabilityIndex } from '../../../core/learning/stability-index.ts';

/** The generator that the reference figures were made with. */
const draws = (seed: number, count = 400): Float64Array => {
  let x = seed;
  return Float64Array.from({ length: count }, () => {
    x = Number((1103515245n * BigInt(x) + 12345n) % 2147483648n);
    return x / 2147483648;
  });
};
const a = draws(1).map((x) => Math.floor(x * 40));
const noise = draws(2);
const b = a.map((x, i) => Math.floor(x * 0.5 + (noise[i] ?? 0) * 15));
const c = draws(3);
const holed = b.map((x, i) => (i % 7 === 0 ? Number.NaN : x));

describe('rank correlation', () => {
  it('ranks ties alike: scipy.stats.rankdata', () => {
    expect([...ranks([3, 1, 3, 2, 3, -1])]).toEqual([5, 2, 5, 3, 5, 1]);
  });

  it('equals scipy.stats.spearmanr 1.17.1, over what both know', () => {
    expect(spearman(a, b)).toBeCloseTo(0.7907117423786806, 12);
    expect(spearman(a, c)).toBeCloseTo(0.0015081766986471917, 12);
    expect(spearman(a, holed)).toBeCloseTo(0.7882963793124396, 12);
  });

  it('is 1 for any growing curve and undefined for a constant', () => {
    expect(
      spearman(
        c,
        c.map((x) => Math.exp(5 * x)),
      ),
    ).toBeCloseTo(1, 12);
    expect(
      spearman(
        c,
        c.map((x) => -x),
      ),
    ).toBeCloseTo(-1, 12);
    expect(spearman(c, new Float64Array(400))).toBeNaN();
  });
});

describe('stability index', () => {
  it('equals the formula by hand: (q − p) ln(q / p) twice', () => {
    expect(stabilityIndex([0.5, 0.5], [0.6, 0.4])).toBeCloseTo(
      0.1 * Math.log(0.6 / 0.5) - 0.1 * Math.log(0.4 / 0.5),
      15,
    );
  });

  it('equals numpy on deciles with ties and missing values', () => {
    expect(numericStability(a, a)).toBe(0);
    expect(numericStability(a, b)).toBeCloseTo(0.9197030216624376, 12);
    expect(numericStability(a, holed)).toBeCloseTo(1.9905903410210362, 12);
    expect(
      numericStability(
        c,
        c.map((x) => x * 0.9 + 0.05),
      ),
    ).toBeCloseTo(0.10865304953079807, 12);
  });

  it('takes each category for a bin, and what is missing', () => {
    expect(categoricalStability(['x', 'x', null, 'y'], ['x', null, 'x', 'y'])).toBe(0);
    expect(categoricalStability(['x', 'x'], ['x', null])).toBeGreaterThan(0.25);
  });
});

describe('selection', () => {
  const candidate = (name: string, gain: number, values?: Float64Array, stability = 0): Candidate => ({
    name,
    gain,
    stability,
    ...(values && { values }),
  });
  const given = [
    candidate(
      'twin',
      5,
      a.map((x) => 2 * x + 1),
    ),
    candidate('a', 50, a),
    candidate('idle', 0, c),
    candidate('moved', 30, c, 0.3),
    candidate('brand', 10),
    candidate('free', 5, c),
  ];

  it('keeps the more important of two that say the same, and drops what moved or is not used', () => {
    const choices = selectFeatures(given);
    expect(choices.map(({ feature, kept }) => `${feature} ${kept}`)).toEqual([
      'a true',
      'moved false',
      'brand true',
      'free true',
      'twin false',
      'idle false',
    ]);
    const why = Object.fromEntries(choices.map(({ feature, why }) => [feature, why]));
    expect(why.twin).toBe('a says the same: rank correlation 1.000');
    expect(why.moved).toBe('its distribution moved: stability index 0.30');
    expect(why.idle).toBe('the model gains nothing by it');
    expect(choices[0]?.gain).toBe(0.5);
  });

  it('does not depend on the order in which features come', () => {
    expect(selectFeatures(given.toReversed())).toEqual(selectFeatures(given));
  });

  it('judges nothing by a feature that was itself dropped', () => {
    const dropped = [candidate('moved', 9, a, 1), candidate('twin', 5, a)];
    expect(selectFeatures(dropped).map(({ kept }) => kept)).toEqual([false, true]);
  });
});
