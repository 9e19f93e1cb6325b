// A broken promise is found, whichever it is, and named with the rows that break it.
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkPromise } from '../../activities/promise.ts';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { literal } from '../../core/sql.ts';
import type { Table } from '../../core/table.ts';

const table: Table = {
  name: 'silver.goods',
  description: 'Goods',
  grain: 'one row per day and article',
  key: ['day', 'article'],
  laws: [
    { name: 'a price is positive', holds: 'price > 0' },
    { name: 'a count is whole', holds: 'count = floor(count)' },
    { name: 'all are counted', violations: 'select sum(count) as counted from this having counted <> 6' },
  ],
  sql: '',
};
const KEPT = "(1, 'a', 2.5, 1), (1, 'b', 2.5, 2), (2, 'a', 2.5, 3)";
const staged = path.join(tmpdir(), `perennial-promise-${process.pid}.parquet`);
let db: DuckDb;

beforeAll(async () => {
  db = await DuckDb.open({ threads: 1, memoryLimit: '1GB', tempDirectory: path.join(tmpdir(), 'perennial-promise') });
});
afterAll(async () => {
  db?.close();
  await rm(staged, { force: true });
});

const check = async (rows: string, laws = table.laws): Promise<void> => {
  await db.run(
    `copy (from (values ${rows}) goods (day, article, price, count)) to ${literal(staged)} (format parquet)`,
  );
  await checkPromise(db, { ...table, laws }, staged);
};

test('what is kept passes, and so does a table without rows', async () => {
  await check(KEPT);
  await check(`${KEPT}) goods (day, article, price, count) where false union all from (values ${KEPT}`, []);
});

test.each([
  ['no null in the key (day, article)', KEPT.replace("(1, 'b'", "(null, 'b'"), '"article":"b"'],
  ['one row per key (day, article)', KEPT.replace("(2, 'a'", "(1, 'a'"), '"times":"2"'],
  ['a price is positive', KEPT.replace("(1, 'b', 2.5", "(1, 'b', 0"), '"article":"b"'],
  ['a price is positive', KEPT.replace("(1, 'b', 2.5", "(1, 'b', null"), '"article":"b"'],
  ['a count is whole', KEPT.replace('2.5, 2)', '2.5, 1.5)').replace('2.5, 3)', '2.5, 3.5)'), '"count":"1.5"'],
  ['all are counted', KEPT.replace('2.5, 3)', '2.5, 4)'), '"counted":"7"'],
])('broken: %s', async (law, rows, shown) => {
  const broken = check(rows);
  await expect(broken).rejects.toMatchObject({ code: 'LAW_BROKEN', context: { field: 'silver.goods' } });
  await expect(broken).rejects.toThrow(law);
  await expect(broken).rejects.toThrow(shown);
});
