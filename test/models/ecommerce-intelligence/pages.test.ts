// What the pages say: plain sentences from rows, for the full shop, for sources without clicks, and for no rows at all.
import { describe, expect, it } from 'vitest';
import { modelRows } from '../../../core/report/model-rows.ts';
import type { Row } from '../../../core/use-case.ts';
import { pages } from '../../../models/ecommerce-intelligence/pages/index.ts';
import { evaluation } from '../../activities/shop.ts';

const findings = (name: string, rows: Readonly<Record<string, readonly Row[]>>): readonly string[] =>
  pages.find((page) => page.name === name)?.findings(rows) ?? [];

const days = (revenues: readonly number[]): Row[] =>
  revenues.map((revenue, at) => ({
    day: `2025-01-${String(at + 1).padStart(2, '0')}`,
    revenue,
    orders: 10,
    active_users: 5,
  }));

describe('overview', () => {
  it.each([
    [[100, 100, 100, 112, 112, 112], 'Revenue grew 12 % in the last 3 days against the 3 before, to 336.'],
    [[100, 100, 100, 50, 50, 50], 'Revenue fell 50 % in the last 3 days against the 3 before, to 150.'],
    [[100, 100, 100, 100, 100, 100], 'Revenue stood still in the last 3 days against the 3 before, to 300.'],
    [[0, 0, 0, 1, 1, 1], 'Revenue was 3 in the last 3 days, after none in the 3 before.'],
    [[7], '1 day of data are too few to speak of a trend.'],
  ])('reads %j', (revenues, headline) => expect(findings('overview', { daily: days(revenues) })[0]).toBe(headline));
});

describe('funnel', () => {
  const stages = (view: number, cart: number, purchase: number): Row[] =>
    Object.entries({ view, cart, purchase }).map(([stage, sessions]) => ({ stage, sessions }));

  it('says how many carts are abandoned', () => {
    expect(findings('funnel', { stages: stages(1_000, 100, 39) })).toEqual([
      '61 % of carts are abandoned: of 100 sessions with a cart, 39 go on to buy.',
      '10 % of the sessions that view a product put one into the cart, and 3.9 % buy.',
    ]);
  });

  it('says so where a source has purchases only', () => {
    expect(findings('funnel', { stages: [] })).toEqual([
      'This source records purchases only, so there is no funnel to show.',
    ]);
  });
});

describe('customers', () => {
  it('sets buyers beside revenue', () => {
    const segments = [
      { segment: 'Champions', customers: 18, revenue: 54, share_of_customers: 0.18, share_of_revenue: 0.54 },
      { segment: "Can't Lose Them", customers: 1, revenue: 9, share_of_customers: 0.01, share_of_revenue: 0.09 },
    ];
    const cohorts = [
      { cohort: '2025-01', month: 1, users: 100, active: 30, retention: 0.3 },
      { cohort: '2025-02', month: 1, users: 100, active: 10, retention: 0.1 },
    ];
    expect(findings('customers', { segments, cohorts })).toEqual([
      'Champions are 18 % of buyers and 54 % of revenue.',
      "1 frequent buyer has gone quiet (Can't Lose Them): they stand for 9.0 % of revenue.",
      '20 % of newcomers are back in the month after their first; the cohort of 2025-01 did best with 30 %.',
    ]);
  });
});

describe('model', () => {
  it('stands beside its rule and its ceiling', () => {
    const found = findings('model', modelRows({ name: 'propensity', version: 3, evaluation }));
    expect(found[0]).toBe(
      'The model ranks customers with a ROC-AUC of 0.781 (95 % interval 0.762 to 0.799); recency and frequency reaches 0.702.',
    );
    expect(found).toContain('Nobody could rank better than 0.788 from what is observable: the model is 0.007 away.');
    expect(found).toContain('Writing to the best-scored 10 % reaches 34 % of the buyers.');
  });

  it('does not hide that a rule is better', () => {
    const worse = { ...evaluation, figures: { roc_auc: { value: 0.6 } } };
    expect(findings('model', modelRows({ name: 'propensity', version: 3, evaluation: worse }))[0]).toMatch(
      /does not beat the rule/,
    );
  });
});

describe('quality', () => {
  const row = { source: 'clickstream', files: 2, refused_files: 1, rows_in: 100, loaded: 97, quarantined: 3 };

  it('balances the books', () => {
    const reasons = [{ where_it_stood: 'clickstream · price', reason: 'below 0', rows: 3 }];
    expect(findings('quality', { sources: [row], reasons })).toEqual([
      'Every row is accounted for: 100 rows in = 97 loaded + 3 quarantined.',
      '3.0 % of the rows were refused, most often because: below 0 (3 rows).',
      'The rows came in 2 files, 1 of which was refused whole.',
    ]);
  });

  it('says loudly when they do not balance', () => {
    expect(findings('quality', { sources: [{ ...row, loaded: 90 }] })[0]).toBe(
      'Rows are missing: 100 rows in = 90 loaded + 3 quarantined does not hold.',
    );
  });
});

describe('every page', () => {
  it.each(pages.map((page) => [page.name, page] as const))('%s has a sentence even without any row', (_, page) => {
    expect(page.findings({})[0]).toMatch(/\.$/);
    for (const { spec } of page.charts) expect(spec).not.toHaveProperty('data');
  });
});
