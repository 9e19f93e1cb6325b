// Golden rows of the silver tables: given rows in, expected rows out.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DuckDb } from '../../../adapters/duckdb/session.ts';
import { lines } from '../../support/tables.ts';
import { CLICKS, INVOICES } from './golden-rows.ts';
import { told } from './story.ts';

describe('silver', () => {
  let db: DuckDb;
  beforeAll(async () => {
    const settings = { asOf: '2024-01-09', cuts: ['2024-01-03'], source: 'clickstream' };
    db = await told([...CLICKS, ...INVOICES], settings, 'silver.sessions');
  });
  afterAll(() => db.close());

  test('invoice_lines: a line scanned twice is sold twice, delivered twice it is a repeat', async () => {
    const sql = `select file_id, line, kind, user_id, product_id, quantity, price from silver.invoice_lines order by file_id, line`;
    expect(await lines(db, sql)).toEqual([
      'i1 | 2 | sale | 100 | 10001 | 6 | 1.25',
      'i1 | 3 | sale | 100 | 10001 | 6 | 1.25',
      'i1 | 4 | sale | 100 | null | 1 | 18.00',
      'i1 | 5 | without_customer | null | 10002 | 1 | 2.00',
      'i1 | 6 | without_price | 101 | 10002 | 5 | 0.00',
      'i1 | 7 | sale | 101 | 10002 | 2 | 2.00',
      'i2 | 2 | repeat | 101 | 10002 | 2 | 2.00',
      'i2 | 3 | return | 100 | 10001 | -2 | 1.25',
      'i2 | 4 | adjustment | 100 | null | -1 | 5.00',
      'i2 | 5 | without_customer | null | null | 1 | -11.00',
      'i2 | 6 | sale | 101 | 10001 | 1 | 1.25',
    ]);
  });

  test('events: both sources in one stream, repeats removed, superseded files left out', async () => {
    const sql = `select strftime(event_time, '%d %H:%M'), event_type, user_id, product_id, brand, price, quantity, right(order_id, 12)
      from silver.events order by event_time, event_id`;
    expect(await lines(db, sql)).toEqual([
      '03 09:00 | purchase | 100 | 10001 | null | 1.25 | 6 | 500001',
      '03 09:00 | purchase | 100 | 10001 | null | 1.25 | 6 | 500001',
      '03 09:00 | purchase | 100 | null | null | 18.00 | 1 | 500001',
      '03 10:00 | purchase | 101 | 10002 | null | 2.00 | 2 | 500004',
      '05 10:00 | purchase | 101 | 10001 | null | 1.25 | 1 | 500008',
      '01 10:00 | view | 1 | 1 | acme | 12.50 | 1 | null',
      '01 10:05 | cart | 1 | 1 | acme | 12.50 | 1 | null',
      '01 10:09 | purchase | 1 | 1 | acme | 12.50 | 1 | 00000000000a',
      '01 23:50 | view | 2 | 2 | zeta | 3.00 | 1 | null',
      '01 23:59 | cart | 2 | 2 | zeta | 3.00 | 1 | null',
      '02 00:10 | view | 2 | 1 | acme | 12.50 | 1 | null',
      '02 09:00 | view | 1 | 2 | zeta | 3.10 | 1 | null',
      '02 09:30 | view | 1 | 2 | zeta | 3.10 | 1 | null',
      '02 10:00 | purchase | 1 | 2 | zeta | 3.10 | 1 | 1/2024-01-02',
      '08 12:00 | view | 3 | 2 | omega | 5.20 | 1 | null',
    ]);
  });

  test('returns: what came back, with positive quantities', async () => {
    const sql = 'select event_date, user_id, product_id, credit_note, quantity, amount from silver.returns';
    expect(await lines(db, sql)).toEqual(['2011-01-05 | 100 | 10001 | C500005 | 2 | 2.50']);
  });

  test('row_accounting: every loaded row went somewhere', async () => {
    expect(await lines(db, 'from silver.row_accounting order by all')).toEqual([
      'clickstream | 2024-01-01 | 7 | 5 | 0 | 2 | 0 | 0 | 0',
      'clickstream | 2024-01-02 | 4 | 4 | 0 | 0 | 0 | 0 | 0',
      'clickstream | 2024-01-08 | 1 | 1 | 0 | 0 | 0 | 0 | 0',
      'invoices | 2011-01-03 | 7 | 4 | 0 | 1 | 1 | 0 | 1',
      'invoices | 2011-01-05 | 4 | 1 | 1 | 0 | 1 | 1 | 0',
    ]);
  });

  test('sessions: named ones over midnight, unnamed ones by a pause of more than 30 minutes', async () => {
    const sql = `select user_id, is_inferred, events, views, carts, purchases, distinct_products, revenue, started_at, ended_at
      from silver.sessions order by user_id, started_at`;
    expect(await lines(db, sql)).toEqual([
      '1 | false | 3 | 1 | 1 | 1 | 1 | 12.50 | 2024-01-01 10:00:00 | 2024-01-01 10:09:00',
      '1 | true | 2 | 2 | 0 | 0 | 1 | 0.00 | 2024-01-02 09:00:00 | 2024-01-02 09:30:00',
      '1 | true | 1 | 0 | 0 | 1 | 1 | 3.10 | 2024-01-02 10:00:01 | 2024-01-02 10:00:01',
      '2 | false | 3 | 2 | 1 | 0 | 2 | 0.00 | 2024-01-01 23:50:00 | 2024-01-02 00:10:00',
      '3 | false | 1 | 1 | 0 | 0 | 1 | 0.00 | 2024-01-08 12:00:00 | 2024-01-08 12:00:00',
      '100 | true | 3 | 0 | 0 | 3 | 1 | 33.00 | 2011-01-03 09:00:00 | 2011-01-03 09:00:00',
      '101 | true | 1 | 0 | 0 | 1 | 1 | 4.00 | 2011-01-03 10:00:00 | 2011-01-03 10:00:00',
      '101 | true | 1 | 0 | 0 | 1 | 1 | 1.25 | 2011-01-05 10:00:00 | 2011-01-05 10:00:00',
    ]);
  });
});
