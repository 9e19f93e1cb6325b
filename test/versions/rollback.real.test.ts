// Rolling a catalog back: the content of then, the history kept, and a following run that neither doubles nor loses a row.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rollBack } from '../../activities/rollback.ts';
import { type Deed, PostgresDataTags } from '../../adapters/postgres/data-tags.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { comparePins, dataDiffText } from '../../cli/data-diff.ts';
import { type DataTag, tablesToTag } from '../../core/data-tag.ts';
import { generateWorld } from '../support/product.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { correctedDay, openLakeShop, type Shop } from './lake-shop.ts';

let stack: TestStack;
let shop: Shop;
let tags: PostgresDataTags;
let folder: string;
let pool: ReturnType<typeof openPool>;
const digests: Record<string, Readonly<Record<string, string>>> = {};
const deed: Deed = { by: 'mara', why: 'a test', runId: 'run' };

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  shop = openLakeShop(stack.environment);
  pool = openPool(stack.environment.postgres, { max: 2, schema: stack.environment.schema });
  tags = new PostgresDataTags(pool);
  folder = path.dirname((await generateWorld(stack.environment.home, 20_000)).path);
  mkdirSync(path.join(folder, 'corrected'));
  correctedDay(folder, 3, path.join(folder, 'corrected'));
});
afterAll(async () => {
  await pool?.end();
  await stack?.stop();
});

const early = () => path.join(folder, 'events-2019-0*.csv');
const late = () => path.join(folder, 'events-2019-1*.csv');
const corrected = () => path.join(folder, 'corrected', '*.csv');
const loaded = (brought: readonly { loaded: number }[]) => brought.reduce((sum, chunk) => sum + chunk.loaded, 0);

const tag = (name: string, asked: readonly string[] = [], run = `tagged ${name}`): Promise<DataTag> =>
  shop.withLake(async ({ lake }) => {
    const pins = tablesToTag(await lake.commits.heads(), asked);
    const tables = pins.map(({ table, snapshot, key }) => ({ table, snapshot, key, rows: 0 }));
    const made = { name, description: '', metadata: {}, whole: asked.length === 0, tables, createdBy: 'mara' };
    return tags.add(made, run);
  });

const back = (name: string, run: string) =>
  shop.withLake(async ({ lake }) =>
    rollBack(lake, await tags.get(name), deed, {
      lineage: { workflow: 'rollback', run },
      signal: new AbortController().signal,
      onProgress: () => undefined,
    }),
  );

describe('a catalog', () => {
  it('changes after it was tagged: files come in, a file is corrected', async () => {
    expect(loaded(await shop.ingest(early()))).toBeGreaterThan(1_000);
    expect(await shop.build()).toContain('silver.events');
    digests.before = await shop.digests();
    await tag('before');
    await shop.ingest(late());
    await shop.ingest(corrected());
    expect(await shop.build()).toContain('silver.events');
    digests.after = await shop.digests();
    await tag('after');
    expect(digests.after['bronze.files']).not.toBe(digests.before['bronze.files']);
    expect(digests.after['gold.fact_daily_kpis']).not.toBe(digests.before['gold.fact_daily_kpis']);
  });

  it('is compared by key: what came, what went, what changed', async () => {
    const { tables, unchanged } = await shop.withLake(async ({ lake }) =>
      comparePins(lake, (await tags.get('before')).tables, (await tags.get('after')).tables),
    );
    const found = new Map(tables.map((table) => [table.table, table]));
    expect(found.get('bronze.files')).toMatchObject({ change: 'changed', byKey: { removed: 0, changed: 1 } });
    const events = found.get('silver.events');
    const [before = 0, after = 0] = events?.rows ?? [];
    expect((events?.byKey?.added ?? 0) - (events?.byKey?.removed ?? 0)).toBe((after ?? 0) - (before ?? 0));
    expect(events?.byKey?.removed).toBeGreaterThan(0);
    expect(events?.byKey?.examples.map(({ what }) => what)).toEqual(expect.arrayContaining(['added', 'removed']));
    expect(unchanged).toContain('bronze.quarantine');
    const kpis = found.get('gold.fact_daily_kpis')?.byKey;
    expect(kpis?.changed).toBeGreaterThan(0);
    const changed = kpis?.examples.find(({ what }) => what === 'changed');
    expect(Object.keys(changed?.columns ?? {})).toContain('events');
    expect(dataDiffText({ from: 'before', to: 'after', tables, unchanged })).toContain('bronze.files');
  });

  it('goes back: every table holds the rows of the tag', async () => {
    const done = await back('before', 'first');
    expect(done.tables.map(({ table }) => table)).toContain('bronze.files');
    expect(await shop.digests()).toEqual(digests.before);
  });

  it('is found by the run that asked, and by a second that has nothing to do', async () => {
    const [again, idle] = [await back('before', 'first'), await back('before', 'second')];
    expect(again.tables.length).toBeGreaterThan(0);
    expect(idle).toMatchObject({ snapshot: null, tables: [] });
  });

  it('is reused by a run, which computes nothing', async () => {
    expect(loaded(await shop.ingest(early()))).toBe(0);
    expect(await shop.build()).toEqual([]);
  });

  it('keeps its history: what lies between stays readable', async () => {
    const { tables } = await tags.get('after');
    await shop.withLake(async ({ lake }) => {
      for (const { table, snapshot } of tables) expect(await lake.digest(table, snapshot)).toBe(digests.after?.[table]);
    });
  });

  it('takes the same files in again, once, as if they had never been there', async () => {
    expect(loaded(await shop.ingest(late()))).toBeGreaterThan(1_000);
    await shop.ingest(corrected());
    expect(loaded(await shop.ingest(late()))).toBe(0);
    await shop.build();
    const after = await shop.digests();
    expect(after).toEqual(digests.after);
  });

  it('goes back and forth', async () => {
    await back('before', 'third');
    await back('after', 'fourth');
    expect(await shop.digests()).toEqual(digests.after);
    expect(loaded(await shop.ingest(late()))).toBe(0);
    expect(await shop.build()).toEqual([]);
  });
});

describe('a tag', () => {
  it('of some tables moves those alone, bronze only as a whole', async () => {
    const part = await tag('part', ['silver.events', 'bronze.clickstream']);
    expect(part.tables.map(({ table }) => table)).toEqual([
      'bronze.clickstream',
      'bronze.files',
      'bronze.quarantine',
      'silver.events',
    ]);
    expect(part.whole).toBe(false);
  });

  it('never comes to mean something else', async () => {
    const { tables } = await tags.get('before');
    const other = { name: 'before', description: 'x', metadata: {}, whole: true, tables, createdBy: 'eve' };
    await expect(tags.add(other, 'another run')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect((await tags.add(other, 'tagged before')).createdBy).toBe('mara');
    const place = { ...stack.environment.owner };
    const owner = openPool(place, { max: 1, schema: stack.environment.schema });
    for (const statement of [
      `update data_tags set name = 'x'`,
      'delete from data_tag_tables',
      'truncate data_tag_events',
    ])
      await expect(owner.query(statement)).rejects.toMatchObject({ code: '23001' });
    await owner.end();
  });

  it('removed is no longer found, and its name stays taken', async () => {
    await tags.remove('part', { ...deed, runId: 'a' });
    expect((await tags.remove('part', { ...deed, runId: 'a' })).name).toBe('part');
    await expect(tags.get('part')).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
    await expect(tags.remove('part', { ...deed, runId: 'b' })).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
    await expect(tag('part', [], 'another run')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect((await tags.list()).map(({ name }) => name).toSorted()).toEqual(['after', 'before']);
    expect((await tags.events('part')).map(({ kind }) => kind)).toEqual(['tagged', 'removed']);
  });
});
