// Golden rows of the gold tables: dimensions, facts and analyses over the small story.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DuckDb } from '../../../adapters/duckdb/session.ts';
import { lines } from '../../support/tables.ts';
import { CLICKS, INVOICES } from './golden-rows.ts';
import { type Delivery, told } from './story.ts';

const SETTINGS = { asOf: '2024-01-09', cuts: ['2024-01-03'], source: 'clickstream' };
const SETTINGS_LATE = { ...SETTINGS, asOf: '2024-01-20' };

describe('dimensions and facts', () => {
  let db: DuckDb;
  beforeAll(async () => {
    db = await told([...CLICKS, ...INVOICES], SETTINGS, 'gold.product_affinity');
  });
  afterAll(() => db.close());

  test('dim_users: visitor, buyer, repeat buyer, and a move to Malta', async () => {
    const sql = `select user_id, status, country, first_seen, valid_from, valid_to, is_current from gold.dim_users order by all`;
    expect(await lines(db, sql)).toEqual([
      '1 | buyer | null | 2024-01-01 | 2024-01-01 | 2024-01-02 | false',
      '1 | repeat_buyer | null | 2024-01-01 | 2024-01-02 | 9999-12-31 | true',
      '2 | visitor | null | 2024-01-01 | 2024-01-01 | 9999-12-31 | true',
      '3 | visitor | null | 2024-01-08 | 2024-01-08 | 9999-12-31 | true',
      '100 | buyer | France | 2011-01-03 | 2011-01-03 | 9999-12-31 | true',
      '101 | buyer | Spain | 2011-01-03 | 2011-01-03 | 2011-01-05 | false',
      '101 | repeat_buyer | Malta | 2011-01-03 | 2011-01-05 | 9999-12-31 | true',
    ]);
  });

  test('dim_products: a new brand makes a version, a few pence do not', async () => {
    const sql = `select product_id, category_code, brand, product_name, price_band, last_price, valid_from, valid_to
      from gold.dim_products order by product_id, valid_from`;
    expect(await lines(db, sql)).toEqual([
      '1 | home.lamp | acme | null | 10-20 | 12.50 | 2024-01-01 | 9999-12-31',
      '10001 | null | null | RED CUP | 1-2 | 1.25 | 2011-01-03 | 9999-12-31',
      '10002 | null | null | BLUE CUP | 2-5 | 2.00 | 2011-01-03 | 9999-12-31',
      '2 | null | zeta | null | 2-5 | 3.10 | 2024-01-01 | 2024-01-08',
      '2 | home.rug | omega | null | 5-10 | 5.20 | 2024-01-08 | 9999-12-31',
    ]);
  });

  test('dim_dates: no gap from the first to the last day', async () => {
    const sql = `from gold.dim_dates where event_date in ('2011-01-03', '2011-01-09', '2024-01-08') order by event_date`;
    expect(await lines(db, sql)).toEqual([
      '2011-01-03 | 2011 | 1 | 1 | 3 | 2011 | 1 | 1 | false | 2011-01-03 | 2011-01-01',
      '2011-01-09 | 2011 | 1 | 1 | 9 | 2011 | 1 | 7 | true | 2011-01-03 | 2011-01-01',
      '2024-01-08 | 2024 | 1 | 1 | 8 | 2024 | 2 | 1 | false | 2024-01-08 | 2024-01-01',
    ]);
    expect(await db.number('select count(*) from gold.dim_dates')).toBe(4754);
  });

  test('fact_sessions: duration, conversion, abandonment, revenue', async () => {
    const sql = `select user_id, session_date, duration_seconds, converted, cart_abandoned, revenue
      from gold.fact_sessions where source = 'clickstream' order by user_id, started_at`;
    expect(await lines(db, sql)).toEqual([
      '1 | 2024-01-01 | 540 | true | false | 12.50',
      '1 | 2024-01-02 | 1800 | false | false | 0.00',
      '1 | 2024-01-02 | 0 | true | false | 3.10',
      '2 | 2024-01-01 | 1200 | false | true | 0.00',
      '3 | 2024-01-08 | 0 | false | false | 0.00',
    ]);
  });

  test('fact_orders: an invoice with its charges, a session that buys', async () => {
    const sql = `select user_id, right(order_id, 6), lines, distinct_products, items, revenue, order_date from gold.fact_orders order by ordered_at`;
    expect(await lines(db, sql)).toEqual([
      '100 | 500001 | 3 | 1 | 13 | 33.00 | 2011-01-03',
      '101 | 500004 | 1 | 1 | 2 | 4.00 | 2011-01-03',
      '101 | 500008 | 1 | 1 | 1 | 1.25 | 2011-01-05',
      '1 | 00000a | 1 | 1 | 1 | 12.50 | 2024-01-01',
      '1 | -01-02 | 1 | 1 | 1 | 3.10 | 2024-01-02',
    ]);
  });

  test('fact_daily_kpis: the day in figures, returns beside sales', async () => {
    const sql = `select event_date, events, views, carts, purchases, active_users, buyers, orders, items, returns, revenue, returned,
      average_order_value, conversion_rate from gold.fact_daily_kpis order by event_date`;
    expect(await lines(db, sql)).toEqual([
      '2011-01-03 | 4 | 0 | 0 | 4 | 2 | 2 | 2 | 15 | 0 | 37.00 | 0.00 | 18.50 | 1',
      '2011-01-05 | 1 | 0 | 0 | 1 | 1 | 1 | 1 | 1 | 1 | 1.25 | 2.50 | 1.25 | 1',
      '2024-01-01 | 5 | 2 | 2 | 1 | 2 | 1 | 1 | 1 | 0 | 12.50 | 0.00 | 12.50 | 0.5',
      '2024-01-02 | 4 | 3 | 0 | 1 | 2 | 1 | 1 | 1 | 0 | 3.10 | 0.00 | 3.10 | 0.5',
      '2024-01-08 | 1 | 1 | 0 | 0 | 1 | 0 | 0 | 0 | 0 | 0.00 | 0.00 | null | 0',
    ]);
  });

  test('funnel_daily: a purchase without a cart of its own reached the cart', async () => {
    const sql = `select session_date, sessions, sessions_with_view, sessions_with_cart, sessions_with_purchase, reached_view, reached_cart,
      reached_purchase from gold.funnel_daily where source = 'clickstream' order by session_date`;
    expect(await lines(db, sql)).toEqual([
      '2024-01-01 | 2 | 2 | 2 | 1 | 2 | 2 | 1',
      '2024-01-02 | 2 | 1 | 0 | 1 | 2 | 1 | 1',
      '2024-01-08 | 1 | 1 | 0 | 0 | 1 | 0 | 0',
    ]);
  });
});

/** One purchase: day of January 2024, user, product, price. */
const bought = (day: number, user: number, product: number, price = 10): string =>
  `2024-01-${String(day).padStart(2, '0')} 10:00:00, purchase, ${product}, , , , ${price}, ${user},`;

const shop = (rows: readonly string[]): readonly Delivery[] => [{ file: 'f', source: 'clickstream', rows }];

describe('analyses', () => {
  test('rfm: quintiles with ties broken by user, segments by the grid, nothing at or after the end of knowledge', async () => {
    const rows = [1, 2, 3, 4, 5].flatMap((user) =>
      Array.from({ length: user }, (_, i) => bought(user + i, user, 1, user)),
    );
    const db = await told(shop([...rows, bought(20, 1, 1, 999)]), { ...SETTINGS, asOf: '2024-01-20' }, 'gold.rfm');
    expect(await lines(db, 'from gold.rfm order by user_id')).toEqual([
      '1 | 19 | 1 | 1.00 | 1 | 1 | 1 | 3 | Lost',
      '2 | 17 | 2 | 4.00 | 2 | 2 | 2 | 6 | Lost',
      '3 | 15 | 3 | 9.00 | 3 | 3 | 3 | 9 | Loyal',
      '4 | 13 | 4 | 16.00 | 4 | 4 | 4 | 12 | Champions',
      '5 | 11 | 5 | 25.00 | 5 | 5 | 5 | 15 | Champions',
    ]);
    db.close();
  });

  test("rfm: frequent buyers gone quiet are those one can't lose; recent newcomers are regular", async () => {
    const frequent = [1, 2].flatMap((user) => [1, 2, 3].map((day) => bought(day, user, 1)));
    const db = await told(
      shop([...frequent, ...[3, 4, 5].map((user) => bought(15, user, 1))]),
      SETTINGS_LATE,
      'gold.rfm',
    );
    expect(await lines(db, 'select user_id, r_score, f_score, segment from gold.rfm order by user_id')).toEqual([
      "1 | 1 | 4 | Can't Lose Them",
      "2 | 2 | 5 | Can't Lose Them",
      '3 | 3 | 1 | Regular',
      '4 | 4 | 2 | Regular',
      '5 | 5 | 3 | Loyal',
    ]);
    db.close();
  });

  test('cohort_retention: who came back in which week', async () => {
    const rows = [bought(1, 1, 1), bought(2, 2, 1), bought(9, 1, 1), bought(16, 1, 1), bought(10, 3, 1)];
    const db = await told(shop(rows), SETTINGS_LATE, 'gold.cohort_retention');
    expect(await lines(db, 'from gold.cohort_retention order by all')).toEqual([
      'month | 2024-01-01 | 0 | 3 | 3 | 3 | 1',
      'week | 2024-01-01 | 0 | 2 | 2 | 2 | 1',
      'week | 2024-01-01 | 1 | 2 | 1 | 1 | 0.5',
      'week | 2024-01-01 | 2 | 2 | 1 | 1 | 0.5',
      'week | 2024-01-08 | 0 | 1 | 1 | 1 | 1',
    ]);
    db.close();
  });

  test('product_affinity: frequent pairs above chance, in both directions; chance pairs and rare pairs are not there', async () => {
    const together = [1, 2, 3, 4, 5].flatMap((user) => [bought(1, user, 1), bought(1, user, 2)]);
    const rare = [11, 12, 13, 14].flatMap((user) => [bought(1, user, 7), bought(1, user, 8)]);
    const db = await told(shop([...together, ...rare, bought(2, 1, 1)]), SETTINGS_LATE, 'gold.product_affinity');
    // 10 orders; product 1 in six, product 2 in five: lift = 5 · 10 / (6 · 5).
    expect(
      await lines(
        db,
        'select * replace (round(lift, 4) as lift, round(confidence, 4) as confidence) from gold.product_affinity order by all',
      ),
    ).toEqual(['clickstream | 1 | 2 | 5 | 6 | 5 | 0.8333 | 1.6667', 'clickstream | 2 | 1 | 5 | 5 | 6 | 1 | 1.6667']);
    db.close();
  });

  test('product_affinity: an order of more than 200 products counts nowhere', async () => {
    const bulk = [1, 2, 3, 4, 5].flatMap((user) =>
      Array.from({ length: 201 }, (_, product) => bought(1, user, product)),
    );
    const small = [6, 7, 8, 9, 10, 11].map((user) => bought(1, user, 999));
    const db = await told(shop([...bulk, ...small]), SETTINGS_LATE, 'gold.product_affinity');
    expect(await lines(db, 'from gold.product_affinity')).toEqual([]);
    db.close();
  });
});
