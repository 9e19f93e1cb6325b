// The comparison of two environments: figures against hand-computed ones, and the words that people read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flipsOf } from '../../../core/environment-diff/flips.ts';
import { compareEnvironments, type EnvironmentFacts } from '../../../core/environment-diff/index.ts';
import { diffMarkdown, MARKER } from '../../../core/environment-diff/markdown.ts';
import {
  type FeatureProfile,
  stabilityIndex,
  standardisedDifference,
} from '../../../core/environment-diff/profiles.ts';
import { slicesOf } from '../../../core/environment-diff/slices.ts';

const profile = (more: Partial<FeatureProfile> = {}): FeatureProfile => ({
  table: 'features.customer',
  feature: 'orders',
  kind: 'numeric',
  cut: '2026-01-01',
  rows: 100,
  missing: 0,
  mean: 1,
  deviation: 1,
  quantiles: [0, 1, 1, 2, 3],
  shares: [0.5, 0.5],
  ...more,
});
const champion = (version: number, sha = `p${version}`) => ({
  model: 'shop/propensity',
  version,
  package: sha,
  asOf: '2026-01-01',
  features: ['orders'],
  metrics: { roc_auc: 0.7 + version / 100 },
});
const facts = (name: string, more: Partial<EnvironmentFacts> = {}): EnvironmentFacts => ({
  name,
  silent: null,
  tables: [{ table: 'gold.rfm', rows: 10, columns: { user_id: 'BIGINT', segment: 'VARCHAR' }, key: 'k' }],
  features: [profile()],
  champions: [champion(1)],
  ...more,
});

describe('the stability index', () => {
  it('is what Siddiqi’s sum gives', () => {
    // (0.6 − 0.5) ln(0.6 / 0.5) + (0.4 − 0.5) ln(0.4 / 0.5)
    expect(stabilityIndex([0.6, 0.4], [0.5, 0.5])).toBeCloseTo(0.1 * Math.log(1.2) - 0.1 * Math.log(0.8), 15);
  });

  it('is zero for equal shares, symmetric, and finite for an empty bin', () => {
    const shares = fc
      .array(fc.nat({ max: 50 }), { minLength: 5, maxLength: 5 })
      .filter((counts) => counts.some((n) => n > 0));
    fc.assert(
      fc.property(shares, shares, (a, b) => {
        const [p, q] = [a, b].map((counts) => counts.map((n) => n / counts.reduce((sum, one) => sum + one, 0)));
        expect(stabilityIndex(p ?? [], p ?? [])).toBe(0);
        expect(stabilityIndex(p ?? [], q ?? [])).toBeCloseTo(stabilityIndex(q ?? [], p ?? []) ?? -1, 12);
        expect(stabilityIndex(p ?? [], q ?? [])).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('says nothing without bins', () => {
    expect(stabilityIndex([], [])).toBeNull();
  });
});

describe('the standardised difference', () => {
  it('is the difference of means in pooled deviations', () => {
    expect(standardisedDifference(profile({ mean: 3, deviation: 3 }), profile({ mean: 1, deviation: 4 }))).toBeCloseTo(
      2 / Math.sqrt(12.5),
      15,
    );
    expect(standardisedDifference(profile({ deviation: 0 }), profile({ deviation: 0 }))).toBe(0);
    expect(standardisedDifference(profile({ mean: 2, deviation: 0 }), profile({ deviation: 0 }))).toBeNull();
  });
});

describe('slices', () => {
  const labels = [1, 0, 1, 0];
  const slicing = { by: 'has_prior_purchase', values: ['0', '1'], codes: [0, 0, 1, 1] };

  it('judge both champions on each part, and on all', () => {
    const found = slicesOf({ labels, from: [0.9, 0.1, 0.2, 0.8], to: [0.9, 0.1, 0.8, 0.2] }, [slicing]);
    expect(found.map(({ by, value, rows, from, to }) => [by, value, rows, from?.rocAuc, to?.rocAuc])).toEqual([
      ['all', '', 4, 0.75, 1],
      ['has_prior_purchase', '0', 2, 1, 1],
      ['has_prior_purchase', '1', 2, 0, 1],
    ]);
  });

  it('leave out what cannot be said: a single class, few rows, no champion, no rows', () => {
    const [, part] = slicesOf({ labels: [1, 1, 0, 0], from: [1, 2, 3, 4], to: null }, [slicing]);
    expect(part).toMatchObject({ rows: 2, from: { rocAuc: null, liftAt5: null }, to: null });
    expect(slicesOf({ labels: [], from: [], to: [] }, [slicing])).toEqual([]);
  });
});

describe('flips', () => {
  it('count who comes in and who goes out at the top', () => {
    const from = Float64Array.from({ length: 40 }, (_, i) => i / 40);
    const to = Float64Array.from({ length: 40 }, (_, i) => (i === 39 ? 0 : i === 0 ? 1 : i / 40));
    const { flips, farthest } = flipsOf(from, to);
    expect(flips).toMatchObject({ rows: 40, in: 1, out: 1, flipped: 2 / 40 });
    expect(farthest.slice(0, 2)).toEqual([0, 39]);
  });

  it('are none between equal scores, ties included', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0.1, 0.2, 0.3), { minLength: 1, maxLength: 50 }), (scores) => {
        expect(flipsOf(scores, [...scores])).toMatchObject({
          flips: { in: 0, out: 0, flipped: 0, meanMove: 0 },
          farthest: [],
        });
      }),
    );
  });
});

describe('two environments', () => {
  it('that are alike have not changed, rows or not', () => {
    const to = facts('staging', {
      tables: [{ ...(facts('x').tables[0] ?? { table: '', columns: {} }), rows: 99, key: 'other' }],
    });
    const found = compareEnvironments(facts('dev'), to);
    expect(found).toMatchObject({ changed: false, tables: [{ change: 'same shape', rows: [10, 99] }] });
    expect(diffMarkdown(found)).toContain('Nothing that matters differs');
  });

  it.each([
    [
      'a column',
      { tables: [{ table: 'gold.rfm', rows: 10, columns: { user_id: 'INTEGER', total: 'DOUBLE' }, key: 'k' }] },
    ],
    ['a table', { tables: [] }],
    ['a feature', { features: [profile({ shares: [0.1, 0.9] })] }],
    ['a feature that one side lacks', { features: [] }],
    ['a champion', { champions: [champion(2)] }],
    ['no champion', { champions: [] }],
  ])('differ by %s', (_what, more) => {
    expect(compareEnvironments(facts('dev'), facts('staging', more)).changed).toBe(true);
  });

  it('name the columns that came, went and turned', () => {
    const columns = { user_id: 'INTEGER', total: 'DOUBLE' };
    const found = compareEnvironments(
      facts('dev'),
      facts('staging', { tables: [{ table: 'gold.rfm', rows: 1, columns, key: 'k' }] }),
    );
    expect(found.tables[0]?.columns).toEqual(['+segment VARCHAR', '−total DOUBLE', 'user_id INTEGER → BIGINT']);
  });

  it('say what is missing instead of guessing', () => {
    const found = compareEnvironments(facts('dev'), facts('prod', { silent: 'its lake is empty', champions: [] }));
    expect(found).toMatchObject({ notes: ['prod: its lake is empty'], tables: [], features: [], changed: true });
    expect(found.models[0]?.notes).toEqual(['prod has no champion of shop/propensity yet']);
  });

  it('as Markdown can be found again, and lets no name break out of its cell', () => {
    const odd = { model: 'shop/a|b<script>', version: 1, package: 'p', asOf: '', features: [], metrics: {} };
    const text = diffMarkdown(compareEnvironments(facts('dev'), facts('staging', { champions: [odd] })));
    expect(text.startsWith(MARKER)).toBe(true);
    expect(text).toContain('shop/a\\|b&lt;script>');
    expect(text).not.toContain('<script>');
  });
});
