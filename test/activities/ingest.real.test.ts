// Ingestion into a real lake: the published files come in whole, once, row for row; a new version replaces the old one.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clickstream, invoices } from '../../models/ecommerce-intelligence/sources.ts';
import { GOOD, HEADER, shop } from '../adapters/duckdb/read-bench.ts';
import { openTestLake, type TestLake } from '../support/lake.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { Landing } from './ingest-shop.ts';

const DATA = process.env.PERENNIAL_REAL_DATA ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'data');
const present = existsSync(DATA);
if (!present) console.warn(`SKIPPED: no real data at ${DATA}; set PERENNIAL_REAL_DATA`);

let stack: TestStack;
let open: TestLake;
let landing: Landing;

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  open = await openTestLake(stack.environment);
});
beforeEach(async () => {
  landing = await Landing.open([{ ...shop, refuseAbove: 0.5 }, clickstream, invoices], open.lake);
});
afterEach(() => landing?.close());
afterAll(async () => {
  await open?.close();
  await stack?.stop();
});

const count = (what: string) => open.lake.db.number(`select count(*) from lake.bronze.${what}`);
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

describe('a real lake', () => {
  it('takes rows, quarantine and ledger in one commit, and lets a new version replace the old in one', async () => {
    const csv = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`;
    await landing.land({ 'a.csv': csv(GOOD, 'never,view,a,1,1', GOOD), 'b.csv': csv(GOOD) });
    const first = await landing.ingest();
    expect(first.chunks[0]).toMatchObject({ loaded: 3, quarantined: 1, reused: false });
    expect([await count('shop'), await count('quarantine'), await count('files')]).toEqual([3, 1, 2]);
    expect(await landing.chunk(first.found, 0)).toEqual({ ...first.chunks[0], reused: true });
    await landing.land({ 'a.csv': csv(GOOD, GOOD, GOOD, GOOD), 'b.csv': csv(GOOD) });
    const second = await landing.ingest();
    expect(second.found).toMatchObject({ known: 1, newVersions: 1 });
    expect([await count('shop'), await count('quarantine'), await count('files')]).toEqual([5, 0, 3]);
    const rows = await open.lake.db.rows(
      `select file_name, version, status, days::varchar as days from lake.bronze.files order by file_name, version`,
    );
    expect(rows).toEqual([
      { file_name: 'a.csv', version: 1, status: 'superseded', days: '[2024-05-01]' },
      { file_name: 'a.csv', version: 2, status: 'loaded', days: '[2024-05-01]' },
      { file_name: 'b.csv', version: 1, status: 'loaded', days: '[2024-05-01]' },
    ]);
  });
});

describe.skipIf(!present)('published data', () => {
  it('Online Retail: 541,909 rows in 305 daily files, every one accounted for, and nothing the second time', async () => {
    const path = join(DATA, 'online-retail', 'online-retail-by-day.tar.gz');
    const { found, chunks } = await landing.ingest(path);
    expect(found).toMatchObject({ files: 305, known: 0, source: 'invoices', notes: [] });
    expect(sum(chunks.map(({ rowsIn }) => rowsIn))).toBe(541_909);
    expect(sum(chunks.map(({ loaded }) => loaded))).toBe(541_909);
    expect(await count('invoices')).toBe(541_909);
    expect(await count('invoices where CustomerID is null')).toBe(135_080);
    expect(await count('invoices where Description is null')).toBe(1_454);
    expect((await landing.discover(path)).known).toBe(305);
  }, 300_000);

  it('the clickstream sample: 17,434 rows', async () => {
    const { found, chunks } = await landing.ingest(join(DATA, 'ecommerce-events'));
    expect(found).toMatchObject({ files: 1, source: 'clickstream' });
    expect(chunks[0]).toMatchObject({ rowsIn: 17_434, loaded: 17_434, quarantined: 0 });
    const kinds = await open.lake.db.rows(
      `select event_type, count(*)::integer as n from lake.bronze.clickstream group by 1 order by 1`,
    );
    expect(kinds).toEqual([
      { event_type: 'cart', n: 165 },
      { event_type: 'purchase', n: 214 },
      { event_type: 'view', n: 17_055 },
    ]);
  }, 300_000);
});
