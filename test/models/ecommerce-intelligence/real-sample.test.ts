// The first hours of a real shop's October 2019: rows, sessions and funnel as they are known to be. Skips, and says so, without the data.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { columnsOf } from '../../../core/contract.ts';
import { identifier, literal } from '../../../core/sql.ts';
import { ecommerceIntelligence } from '../../../models/ecommerce-intelligence/index.ts';
import { clickstream } from '../../../models/ecommerce-intelligence/sources.ts';
import { buildTables, openTables, setMoments, tablesNamed } from '../../support/tables.ts';
import { ORDER } from './story.ts';

const folder = process.env.PERENNIAL_REAL_DATA ?? join(import.meta.dirname, '../../../../shared/data');
const sample = join(folder, 'ecommerce-events/2019-oct-first-hours.csv.gz');
const present = existsSync(sample);
if (!present) console.warn(`SKIPPED: no real clickstream sample at ${sample}; set PERENNIAL_REAL_DATA`);

test.skipIf(!present)('17,434 rows: 5 repeats, 5,066 sessions, 200 with a purchase', { timeout: 60_000 }, async () => {
  const db = await openTables(ecommerceIntelligence, 2);
  const columns = columnsOf(clickstream).map(({ name, sql, formats }) => {
    const column = identifier(name);
    return formats ? `strptime(${column}, [${formats.map(literal)}])` : `${column}::${sql}`;
  });
  await db.run(
    `insert into bronze.clickstream select ${columns}, 'oct', row_number() over () + 1, timestamp '2019-11-01'
     from read_csv(${literal(sample)}, all_varchar = true, header = true)`,
  );
  await db.run(
    `insert into bronze.files (source, file_id, rows_in, loaded, quarantined, status) values ('clickstream', 'oct', 17434, 17434, 0, 'loaded')`,
  );
  await setMoments(db, { asOf: '2019-10-02', cuts: ['2019-10-02'], source: 'clickstream' });
  await buildTables(db, tablesNamed(ecommerceIntelligence, ORDER));

  expect(await db.rows('select loaded, events, repeats from silver.row_accounting')).toEqual([
    { loaded: '17434', events: '17429', repeats: '5' },
  ]);
  // One session id is shared by two users: a session belongs to a user, so it makes two rows.
  expect(
    await db.rows(
      'select count(distinct session_id)::integer as named, count(*)::integer as kept from silver.sessions',
    ),
  ).toEqual([{ named: 5066, kept: 5067 }]);
  expect(
    await db.rows(
      'select sessions_with_view::integer as view, sessions_with_cart::integer as cart, sessions_with_purchase::integer as purchase from gold.funnel_daily',
    ),
  ).toEqual([{ view: 5067, cart: 118, purchase: 200 }]);
  db.close();
});
