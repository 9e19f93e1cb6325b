// Golden rows of the feature tables, and the law of time: nothing at or after T changes what was known at T.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DuckDb } from '../../../adapters/duckdb/session.ts';
import { ecommerceIntelligence } from '../../../models/ecommerce-intelligence/index.ts';
import { buildTables, lines, tablesNamed } from '../../support/tables.ts';
import { CLICKS } from './golden-rows.ts';
import { deliver, ORDER, told } from './story.ts';

const SETTINGS = { asOf: '2024-01-09', cuts: ['2024-01-02', '2024-01-03'], source: 'clickstream', labelDays: 5 };

describe('golden rows', () => {
  let db: DuckDb;
  beforeAll(async () => {
    db = await told(CLICKS, SETTINGS);
  });
  afterAll(() => db.close());

  test('customer_sessions: a session running at T is cut there', async () => {
    expect(await lines(db, 'from features.customer_sessions order by user_id, as_of')).toEqual([
      '1 | 2024-01-02 00:00:00 | 1 | 540',
      '1 | 2024-01-03 00:00:00 | 3 | 780',
      '2 | 2024-01-02 00:00:00 | 1 | 540',
      '2 | 2024-01-03 00:00:00 | 1 | 1200',
    ]);
  });

  test('customer_purchases: orders, money and score of those who bought', async () => {
    const sql = `select user_id, as_of::date, orders, orders_30d, purchase_days, lines, products, spend, spend_90d, average_price, rfm_score
      from features.customer_purchases order by user_id, as_of`;
    expect(await lines(db, sql)).toEqual([
      '1 | 2024-01-02 | 1 | 1 | 1 | 1 | 1 | 12.50 | 12.50 | 12.5 | 3',
      '1 | 2024-01-03 | 2 | 2 | 2 | 2 | 2 | 15.60 | 15.60 | 7.8 | 3',
    ]);
  });

  test('customer_purchases: no rhythm before the second day with a purchase', async () => {
    const sql = `select user_id, as_of::date, purchase_interval_days, purchase_overdue_ratio, round(purchase_momentum, 6)
      from features.customer_purchases order by user_id, as_of`;
    expect(await lines(db, sql)).toEqual([
      '1 | 2024-01-02 | null | null | 0.98895',
      '1 | 2024-01-03 | 1 | 1 | 1.966973',
    ]);
  });

  test('customer_tastes: the most frequent, the first by name among equals', async () => {
    expect(await lines(db, 'from features.customer_tastes order by user_id, as_of')).toEqual([
      '1 | 2024-01-02 00:00:00 | home.lamp | acme',
      '1 | 2024-01-03 00:00:00 | home.lamp | acme',
      '2 | 2024-01-02 00:00:00 | null | zeta',
      '2 | 2024-01-03 00:00:00 | home.lamp | zeta',
    ]);
  });

  test("customer_daily: the seed's twelve", async () => {
    const sql = `select user_id, as_of::date, total_events, carts, views, round(active_span_days * 1440), round(recency_days * 1440),
      avg_session_duration, unique_products, rfm_score, has_prior_purchase, primary_category, preferred_brand, round(tenure_days * 1440)
      from features.customer_daily order by user_id, as_of`;
    expect(await lines(db, sql)).toEqual([
      '1 | 2024-01-02 | 3 | 1 | 1 | 9 | 831 | 540 | 1 | 3 | 1 | home.lamp | acme | 840',
      '1 | 2024-01-03 | 6 | 1 | 3 | 1440 | 840 | 780 | 2 | 3 | 1 | home.lamp | acme | 2280',
      '2 | 2024-01-02 | 2 | 1 | 1 | 9 | 1 | 540 | 1 | null | 0 | null | zeta | 10',
      '2 | 2024-01-03 | 3 | 1 | 2 | 20 | 1430 | 1200 | 2 | null | 0 | home.lamp | zeta | 1450',
    ]);
  });

  test('purchase_label: the window opens at T and closes before T + label', async () => {
    expect(await lines(db, 'select user_id, as_of::date, label from features.purchase_label order by all')).toEqual([
      '1 | 2024-01-02 | 1',
      '1 | 2024-01-03 | 0',
      '2 | 2024-01-02 | 0',
      '2 | 2024-01-03 | 0',
    ]);
  });
});

test('purchase_label: a gap moves the window; a window that is not over has no rows', async () => {
  const db = await told(CLICKS, { ...SETTINGS, asOf: '2024-01-03', cuts: ['2024-01-02', '2024-01-03'], labelDays: 1 });
  expect(await lines(db, 'select user_id, as_of::date, label from features.purchase_label order by all')).toEqual([
    '1 | 2024-01-02 | 1',
    '2 | 2024-01-02 | 0',
  ]);
  db.close();
  const later = await told(CLICKS, { ...SETTINGS, cuts: ['2024-01-02'], gapDays: 1, labelDays: 1 });
  expect(await lines(later, 'select user_id, label from features.purchase_label order by all')).toEqual([
    '1 | 0',
    '2 | 0',
  ]);
  later.close();
});

test('customer_daily: tenure reaches behind the window, everything else does not', async () => {
  const db = await told(CLICKS, { ...SETTINGS, cuts: ['2024-01-03'], observationDays: 1 });
  const sql =
    'select user_id, total_events, carts, orders, round(tenure_days * 24) from features.customer_daily order by user_id';
  expect(await lines(db, sql)).toEqual(['1 | 3 | 0 | 1 | 38', '2 | 1 | 0 | 0 | 24']);
  db.close();
});

test('customer_purchases: several orders on a day are one step of the rhythm', async () => {
  const bought = (time: string, session: string): string =>
    `${time}, purchase, 1, 9, home.lamp, acme, 12.50, 1, ${session}`;
  const rows = [
    bought('2024-01-01 23:00:00', 'a'),
    bought('2024-01-11 08:00:00', 'b'),
    bought('2024-01-11 20:00:00', 'd'),
    bought('2024-01-31 09:00:00', 'c'),
    bought('2024-03-16 00:00:00', 'e'),
  ];
  const story = [{ file: 'rhythm', source: 'clickstream' as const, rows }];
  const db = await told(story, { ...SETTINGS, asOf: '2024-03-20', cuts: ['2024-03-16'], observationDays: 92 });
  // Ages 75, 65 and 45 days; the purchase at T itself lies in the future.
  const momentum = [75, 65, 45].reduce((sum, age) => sum + Math.exp(-age / 90), 0).toFixed(6);
  const sql = `select orders, purchase_interval_days, purchase_overdue_ratio, printf('%.6f', purchase_momentum) from features.customer_daily`;
  expect(await lines(db, sql)).toEqual([`4 | 15 | 3 | ${momentum}`]);
  db.close();
});

test('known_at: the newest fact behind a row, the purchases of all buyers where quintiles are drawn', async () => {
  const from = (file: string, knownAt: string, rows: readonly string[]) => ({
    file,
    source: 'clickstream' as const,
    knownAt,
    rows,
  });
  const story = [
    from('early', '2024-01-05', [
      '2023-12-01 10:00:00, view, 1, 9, home.lamp, acme, 12.50, 1, a',
      '2024-01-01 10:00:00, purchase, 1, 9, home.lamp, acme, 12.50, 1, b',
      '2024-01-01 11:00:00, view, 1, 9, home.lamp, acme, 12.50, 2, c',
      '2024-01-01 12:00:00, view, 1, 9, home.lamp, acme, 12.50, 3, d',
      '2024-01-02 12:00:00, view, 1, 9, home.lamp, acme, 12.50, 4, f',
    ]),
    from('late', '2024-02-01', ['2023-12-30 11:00:00, view, 1, 9, home.lamp, acme, 12.50, 2, c']),
    from('later', '2024-03-01', ['2023-11-01 12:00:00, view, 1, 9, home.lamp, acme, 12.50, 3, d']),
    from('last', '2024-04-01', ['2024-01-02 11:00:00, purchase, 1, 9, home.lamp, acme, 99.00, 5, e']),
  ];
  const settings = { ...SETTINGS, cuts: ['2024-01-02', '2024-01-03'], observationDays: 10 };
  const db = await told(story, settings, 'features.customer_daily');
  const sql = 'select user_id, as_of::date, known_at::date from features.customer_daily order by as_of, user_id';
  // User 3: tenure reaches back to the first event. User 1: one more buyer on the second moment.
  expect(await lines(db, sql)).toEqual([
    '1 | 2024-01-02 | 2024-01-05',
    '2 | 2024-01-02 | 2024-02-01',
    '3 | 2024-01-02 | 2024-03-01',
    '1 | 2024-01-03 | 2024-04-01',
    '2 | 2024-01-03 | 2024-02-01',
    '3 | 2024-01-03 | 2024-03-01',
    '4 | 2024-01-03 | 2024-01-05',
    '5 | 2024-01-03 | 2024-04-01',
  ]);
  db.close();
});

const FEATURES = ORDER.filter((name) => name.startsWith('features.') && name !== 'features.purchase_label');

const known = async (db: DuckDb): Promise<readonly string[]> => {
  const tables = await Promise.all(
    FEATURES.map((name) => lines(db, `select * from ${name} where as_of <= '2024-01-03' order by as_of, user_id`)),
  );
  return tables.flatMap((rows, i) => rows.map((row) => `${FEATURES[i]}: ${row}`));
};

/** A row at or after the last moment, of old and new users, in sessions that were running or are new. */
const futureRow = fc
  .record({
    minute: fc.integer({ min: 0, max: 4000 }),
    type: fc.constantFrom('view', 'cart', 'purchase', 'remove_from_cart'),
    product: fc.integer({ min: 1, max: 4 }),
    brand: fc.constantFrom('acme', 'zeta', 'aaa', ''),
    user: fc.integer({ min: 1, max: 4 }),
    session: fc.constantFrom('a', 'b', 'd', ''),
  })
  .map(({ minute, type, product, brand, user, session }) => {
    const time = new Date(Date.UTC(2024, 0, 3, 0, minute)).toISOString().slice(0, 19).replace('T', ' ');
    return `${time}, ${type}, ${product}, 7, aaa.aaa, ${brand}, 99.00, ${user}, ${session}`;
  });

test('point in time: rows at or after T change no feature as of T', { timeout: 60_000 }, async () => {
  const names = ['silver.invoice_lines', 'silver.events', 'silver.sessions', ...FEATURES] as const;
  // User 2 is in a session over midnight of the last moment.
  const past = [
    {
      file: 'p',
      source: 'clickstream' as const,
      rows: ['2024-01-02 23:58:00, view, 2, 8, , zeta, 3.00, 2, b', '2024-01-02 23:59:00, view, 3, , , , 3.00, 4,'],
    },
  ];
  const before = await told([...CLICKS.slice(0, 1), ...past], SETTINGS, 'features.customer_daily');
  const expected = await known(before);
  before.close();
  expect(expected.length).toBeGreaterThan(10);
  await fc.assert(
    fc.asyncProperty(fc.array(futureRow, { minLength: 1, maxLength: 12 }), async (rows) => {
      const db = await told([...CLICKS.slice(0, 1), ...past], SETTINGS, 'silver.invoice_lines');
      await deliver(db, { file: 'future', source: 'clickstream', rows });
      await buildTables(db, tablesNamed(ecommerceIntelligence, names));
      const found = await known(db);
      db.close();
      expect(found).toEqual(expected);
    }),
    { numRuns: 12, seed: 3 },
  );
});
