// The reader of Parquet files: the same rules as for CSV, over typed columns.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bench } from './read-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(() => bench.close());

const read = async (select: string) => {
  const path = join(bench.folder, 'in.parquet');
  await bench.db.run(`copy (${select}) to '${path}' (format parquet)`);
  const reading = await bench.paths([path]);
  return { ...reading, outcome: reading.outcomes[0] };
};

test('typed columns are taken as they are; a row has its number for a line', async () => {
  const { rows, outcome } = await read(
    `select 7::bigint as "USER", timestamp '2024-05-01 10:00:00' as at, 'view' as kind, '' as brand, 9.99::double as price, 1 as note
     union all select 8, timestamp '2024-05-02', 'cart', 'b', 0.1, 2`,
  );
  expect(outcome).toMatchObject({ rowsIn: 2, loaded: 2, reason: 'columns left out: note' });
  expect(rows.map(({ line, price, brand, user }) => [line, price, brand, user])).toEqual([
    ['1', '9.99', null, 7],
    ['2', '0.10', 'b', 8],
  ]);
});

test('text is read as in a CSV file, and moments with an offset become UTC', async () => {
  const texts = await read(
    `select '2024-05-01 10:00:00 UTC' as at, 'view' as kind, 'NA' as brand, '1.50' as price, '7.0' as user`,
  );
  expect(texts.rows[0]).toMatchObject({ at: '2024-05-01 10:00:00', brand: null, price: '1.50', user: 7 });
  const offset = await read(
    `select timestamptz '2024-05-01 10:00:00+05' as at, 'view' as kind, null::varchar as brand, 1 as price, 7 as user`,
  );
  expect(offset.rows[0]).toMatchObject({ at: '2024-05-01 05:00:00' });
});

test('bad values are quarantined with column, value and reason', async () => {
  const { bad, outcome } = await read(
    `select timestamp '2024-05-01' + to_seconds(i) as at, case i when 0 then 'buy' else 'view' end as kind, 'b' as brand,
       case i when 1 then -1 when 2 then 0.001 when 3 then 'nan'::double else 1 end as price,
       case i when 4 then 99999999999 when 5 then null else i end as user from range(7) t(i)`,
  );
  expect(bad.map(({ line, column_name, value, reason }) => [line, column_name, value, reason])).toEqual([
    ['1', 'kind', 'buy', 'not one of view|cart'],
    ['2', 'price', '-1.0', 'below minimum 0'],
    ['3', 'price', '0.001', 'more than 2 decimals'],
    ['4', 'price', 'nan', 'not a number that fits DECIMAL(12,2)'],
    ['5', 'user', '99999999999', 'not an integer that fits INTEGER'],
    ['6', 'user', null, 'missing'],
  ]);
  expect(outcome).toMatchObject({ rowsIn: 7, loaded: 1, quarantined: 6 });
});

test('a file without a required column is refused with its rows counted; one without rows says so', async () => {
  const { outcome } = await read(
    `select timestamp '2024-05-01' as at, 'view' as kind, 'b' as brand, 7 as user from range(3)`,
  );
  expect(outcome).toMatchObject({ status: 'refused', rowsIn: 3, loaded: 0, quarantined: 3 });
  const none = await read(
    `select timestamp '2024-05-01' as at, 'view' as kind, 'b' as brand, 1 as price, 7 as user where false`,
  );
  expect(none.outcome).toMatchObject({ status: 'loaded', rowsIn: 0, reason: 'no rows' });
});
