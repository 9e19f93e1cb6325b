// Ingestion over a lake in memory: nothing twice, new versions, refusals, and what a chunk commits.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { Source } from '../../core/source.ts';
import { tarOf } from '../adapters/archive/tar-of.ts';
import { GOOD, HEADER, shop } from '../adapters/duckdb/read-bench.ts';
import { Landing } from './ingest-shop.ts';
import { MemoryLake } from './memory-lake.ts';

const source: Source = { ...shop, refuseAbove: 0.5 };
const visits: Source = {
  ...shop,
  name: 'visits',
  table: 'bronze.visits',
  eventTime: 'day',
  contract: z.strictObject({ day: z.string().meta({ sql: 'DATE' }), page: z.string().meta({ sql: 'VARCHAR' }) }),
};
const BAD = 'never,view,a,1,1';
const csv = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`;

let lake: MemoryLake;
let landing: Landing;
beforeEach(async () => {
  lake = await MemoryLake.open();
  landing = await Landing.open([source, visits], lake);
});
afterEach(async () => {
  await landing.close();
  await lake.close();
});

const count = (what: string) => lake.db.number(`select count(*) from lake.bronze.${what}`);
const ledger = () =>
  lake.db.rows(
    `select file_name, version, status, rows_in::integer as rows_in, loaded::integer as loaded, quarantined::integer as quarantined
     from lake.bronze.files order by file_name, version, status`,
  );
/** Every promise that must hold of bronze whatever happened. */
const invariants = async () => {
  expect(await count(`files where rows_in <> loaded + quarantined`)).toBe(0);
  const live = await lake.db.number(`select coalesce(sum(loaded), 0) from lake.bronze.files where status = 'loaded'`);
  expect(await count('shop')).toBe(live);
  expect(
    await count(`quarantine q where file_id in (select file_id from lake.bronze.files where status = 'loaded')`),
  ).toBe(await lake.db.number(`select coalesce(sum(quarantined), 0) from lake.bronze.files where status = 'loaded'`));
};

test('one commit writes rows, quarantine and ledger; the same folder again adds nothing', async () => {
  await landing.land({ 'a.csv': csv(GOOD, BAD, GOOD), 'sub/b.csv': csv(GOOD) });
  const first = await landing.ingest();
  expect(first.found).toMatchObject({ files: 2, known: 0, newVersions: 0, chunks: 1, source: 'shop', notes: [] });
  expect(first.chunks[0]).toMatchObject({ reused: false, files: 2, rowsIn: 4, loaded: 3, quarantined: 1, refused: [] });
  expect(Object.keys(lake.made[0]?.tables ?? {})).toEqual(['bronze.shop', 'bronze.quarantine', 'bronze.files']);
  expect(await ledger()).toEqual([
    { file_name: 'a.csv', version: 1, status: 'loaded', rows_in: 3, loaded: 2, quarantined: 1 },
    { file_name: 'sub/b.csv', version: 1, status: 'loaded', rows_in: 1, loaded: 1, quarantined: 0 },
  ]);
  const again = await landing.ingest();
  expect(again.found).toMatchObject({ files: 2, known: 2, chunks: 0 });
  expect(lake.made).toHaveLength(1);
  await invariants();
});

test('the same bytes under another name add nothing, whether known or beside each other', async () => {
  await landing.land({ 'a.csv': csv(GOOD), 'twin.csv': csv(GOOD) });
  const { found } = await landing.ingest();
  expect(found).toMatchObject({ files: 2, known: 1, notes: ['twin.csv: same bytes as a.csv, counted once'] });
  await landing.land({ 'renamed.csv': csv(GOOD) });
  expect((await landing.ingest()).found).toMatchObject({
    known: 1,
    chunks: 0,
    notes: ['renamed.csv: its bytes are known as a.csv'],
  });
  expect(await count('shop')).toBe(1);
  await invariants();
});

test('the same name with other bytes is a new version: the older rows leave in the same commit', async () => {
  await landing.land({ 'a.csv': csv(GOOD, GOOD, BAD) });
  await landing.ingest();
  await landing.land({ 'a.csv': csv(GOOD) });
  const { found, chunks } = await landing.ingest();
  expect(found).toMatchObject({ newVersions: 1, notes: ['a.csv: new version 2, other bytes under a known name'] });
  expect(chunks[0]).toMatchObject({ loaded: 1, quarantined: 0 });
  expect(await ledger()).toEqual([
    { file_name: 'a.csv', version: 1, status: 'superseded', rows_in: 3, loaded: 2, quarantined: 1 },
    { file_name: 'a.csv', version: 2, status: 'loaded', rows_in: 1, loaded: 1, quarantined: 0 },
  ]);
  expect(await count('quarantine')).toBe(0);
  expect(lake.made).toHaveLength(2);
  // And back again: the first bytes are then the newest version.
  await landing.land({ 'a.csv': csv(GOOD, GOOD, BAD) });
  await landing.ingest();
  expect((await ledger()).map(({ version, status, loaded }) => [version, status, loaded])).toEqual([
    [1, 'superseded', 2],
    [2, 'superseded', 1],
    [3, 'loaded', 2],
  ]);
  await invariants();
});

test('a file that changed its name while another took it keeps its rows', async () => {
  await landing.land({ 'a.csv': csv(GOOD) });
  await landing.ingest();
  await landing.land({ 'a.csv': csv(GOOD, GOOD), 'old.csv': csv(GOOD) });
  const { found } = await landing.ingest();
  expect(found.notes).toContain('a.csv: new version 2; its older bytes are now old.csv and stay');
  expect(await count('shop')).toBe(3);
  await invariants();
});

test('a refused file is named, loads nothing, and is tried again only under another contract', async () => {
  await landing.land({ 'a.csv': csv(GOOD, BAD, BAD), 'b.csv': csv(GOOD) });
  const { chunks } = await landing.ingest();
  expect(chunks[0]).toMatchObject({ rowsIn: 4, loaded: 1, quarantined: 3 });
  expect(chunks[0]?.refused[0]).toMatch(/^a.csv: 66.7 % of 3 rows are bad, more than 50.0 %/);
  expect((await ledger())[0]).toMatchObject({ status: 'refused', rows_in: 3, loaded: 0, quarantined: 3 });
  expect(await count('quarantine')).toBe(2);
  expect((await landing.ingest()).found).toMatchObject({ known: 2, chunks: 0 });
  const mild = { ...landing.useCase, sources: [{ ...source, refuseAbove: 0.9 }, visits] };
  const retry = Object.assign(Object.create(landing), { useCase: mild }) as Landing;
  const { found } = await retry.ingest();
  expect(found).toMatchObject({ known: 1, notes: ['a.csv: refused under an older contract, tried again'] });
  expect((await ledger())[0]).toMatchObject({ version: 1, status: 'loaded', rows_in: 3, loaded: 1, quarantined: 2 });
  await invariants();
});

test('a chunk that was committed is found again, not read again', async () => {
  await landing.land({ 'a.csv': csv(GOOD) });
  const found = await landing.discover();
  const first = await landing.chunk(found, 0);
  await rm(landing.inbox, { recursive: true });
  expect(await landing.chunk(found, 0)).toEqual({ ...first, reused: true });
  expect(lake.made).toHaveLength(1);
});

test('two runs over the same files: the second brings in only what the first has not', async () => {
  await landing.land({ 'a.csv': csv(GOOD), 'b.csv': csv(GOOD, GOOD) });
  const all = await landing.discover();
  const some = await landing.discover(join(landing.inbox, 'a.csv'));
  await landing.chunk(some, 0);
  expect(await landing.chunk(all, 0)).toMatchObject({ files: 1, loaded: 2, reused: false });
  expect(await landing.chunk(all, 0)).toMatchObject({ files: 1, loaded: 2, reused: true });
  expect(await count('shop')).toBe(3);
  await invariants();
});

test('a chunk whose every file came in by another way writes nothing', async () => {
  await landing.land({ 'a.csv': csv(GOOD), 'b.csv': csv(GOOD, GOOD) });
  const all = await landing.discover();
  for (const name of ['a.csv', 'b.csv']) await landing.chunk(await landing.discover(join(landing.inbox, name)), 0);
  expect(await landing.chunk(all, 0)).toMatchObject({ files: 0, rowsIn: 0, reused: true });
  expect(lake.made).toHaveLength(2);
});

test('a stale list does not bring an older version back', async () => {
  await landing.land({ 'a.csv': csv(GOOD) });
  await landing.ingest();
  await landing.land({ 'a.csv': csv(GOOD, GOOD) });
  const stale = await landing.discover();
  await landing.land({ 'a.csv': csv(GOOD, GOOD, GOOD) });
  await landing.ingest();
  await landing.land({ 'a.csv': csv(GOOD, GOOD) });
  await expect(landing.chunk(stale, 0)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  expect(await count('shop')).toBe(3);
  await invariants();
});

test('a run that loses the race for the ledger commits on top without reading again', async () => {
  await landing.land({ 'a.csv': csv(GOOD), 'b.csv': csv(GOOD, GOOD) });
  const [a, b] = [
    await landing.discover(join(landing.inbox, 'a.csv')),
    await landing.discover(join(landing.inbox, 'b.csv')),
  ];
  lake.beforeCommit = async () => {
    lake.beforeCommit = async () => {};
    await landing.chunk(b, 0);
  };
  expect(await landing.chunk(a, 0)).toMatchObject({ loaded: 1, reused: false });
  expect(await count('shop')).toBe(3);
  await invariants();
});

test('a run that loses the race for the very file writes nothing, and the rest at the next attempt', async () => {
  await landing.land({ 'a.csv': csv(GOOD), 'b.csv': csv(GOOD, GOOD) });
  const [both, a] = [await landing.discover(), await landing.discover(join(landing.inbox, 'a.csv'))];
  lake.beforeCommit = async () => {
    lake.beforeCommit = async () => {};
    await landing.chunk(a, 0);
  };
  await expect(landing.chunk(both, 0)).rejects.toMatchObject({ code: 'PARENT_MOVED' });
  expect(await count('shop')).toBe(1);
  expect(await landing.chunk(both, 0)).toMatchObject({ files: 1, loaded: 2 });
  await invariants();
});

test('a file that changes between listing and reading is not taken for what was listed', async () => {
  await landing.land({ 'a.csv': csv(GOOD) });
  const found = await landing.discover();
  await landing.land({ 'a.csv': csv(GOOD, GOOD) });
  await expect(landing.chunk(found, 0)).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
  expect(lake.made).toHaveLength(0);
});

test('headers tell the source; what fits none is passed over and named', async () => {
  await landing.land({
    'v.csv': 'page,DAY\n/,2024-05-01\n',
    's.csv.gz': gzipSync(csv(GOOD)),
    'README.md': 'Dear reader,\nnothing to see\n',
    '.hidden.csv': csv(GOOD),
  });
  const { found, chunks } = await landing.ingest();
  expect(found).toMatchObject({ files: 2, chunks: 2 });
  expect(found.notes[0]).toMatch(/^README.md: passed over, fits no source/);
  expect(chunks.map(({ loaded }) => loaded)).toEqual([1, 1]);
  expect(await count('visits')).toBe(1);
});

test('beside files of one source, empty files and files that lack a column follow it, and are accounted for', async () => {
  await landing.land({ 'a.csv': csv(GOOD), 'empty.csv': '', 'lacks.csv': 'at,kind,brand,user\n1,2,3,4\n' });
  const { found, chunks } = await landing.ingest();
  expect(found.files).toBe(3);
  expect(chunks[0]?.refused).toEqual([expect.stringMatching(/^lacks.csv: the header lacks price/)]);
  expect((await ledger()).map(({ file_name, status }) => [file_name, status])).toEqual([
    ['a.csv', 'loaded'],
    ['empty.csv', 'loaded'],
    ['lacks.csv', 'refused'],
  ]);
  await invariants();
});

test('nothing there, nothing that fits, no such source: said at once', async () => {
  await expect(landing.ingest('/no/such/place')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  await landing.land({ 'x.txt': 'hello\n' });
  await expect(landing.ingest()).rejects.toThrow(/no file fits a source/);
  await expect(landing.ingest(landing.inbox, 'nobody')).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
});

test('globs take what they match', async () => {
  await landing.land({ 'x/2024-05.csv': csv(GOOD), 'x/2024-06.csv': csv(GOOD, GOOD), 'x/notes.csv': csv(GOOD, BAD) });
  const { found } = await landing.ingest(join(landing.inbox, '**/2024-0?.csv'));
  expect(found).toMatchObject({ files: 2 });
  expect((await ledger()).map(({ file_name }) => file_name)).toEqual(['x/2024-05.csv', 'x/2024-06.csv']);
});

test('an archive is its folder packed up, and is unpacked again where scratch was cleared', async () => {
  await landing.land({ 'all.tar.gz': gzipSync(tarOf({ 'a.csv': csv(GOOD), 'sub/b.csv': csv(GOOD, GOOD) })) });
  const found = await landing.discover(join(landing.inbox, 'all.tar.gz'));
  await rm(landing.stage, { recursive: true, force: true });
  expect(await landing.chunk(found, 0)).toMatchObject({ files: 2, loaded: 3 });
  await landing.land({ 'a.csv': csv(GOOD), 'sub/b.csv': csv(GOOD, GOOD) });
  expect((await landing.discover()).known).toBe(2);
});

test('many files make chunks of at most 64', async () => {
  const files = Array.from({ length: 70 }, (_, i) => [
    `${String(i).padStart(2, '0')}.csv`,
    csv(GOOD.replace('7', String(i))),
  ]);
  await landing.land(Object.fromEntries(files));
  const { found, chunks } = await landing.ingest();
  expect(found).toMatchObject({ files: 70, chunks: 2 });
  expect(chunks.map(({ files: n }) => n)).toEqual([64, 6]);
  expect(await count('shop')).toBe(70);
  await invariants();
});
