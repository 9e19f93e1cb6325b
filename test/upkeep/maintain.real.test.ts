// The lake's upkeep on a real lake: what runs, versions and tags need stays readable to the bit, the rest goes, and exactly-once holds on.
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresApiKeys } from '../../adapters/postgres/api-keys.ts';
import { PostgresDataTags } from '../../adapters/postgres/data-tags.ts';
import type { Pin } from '../../core/commit.ts';
import type { MaintainSummary } from '../../core/maintenance.ts';
import type { TableName } from '../../core/table.ts';
import { siblingOf } from '../../environments/environment.ts';
import { generateWorld } from '../support/product.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { openLakeShop, type Shop } from '../versions/lake-shop.ts';
import { playSweep, type SweepStory } from './sweep-story.ts';
import { registerVersion, withPool } from './versions.ts';
import { startWorkers, type TestWorkers } from './workers.ts';

const FACTS = 'silver.events';
const ROWS = 9_000;
const DAYS_AGO = new Date(Date.now() - 3 * 86_400_000);
let stack: TestStack;
let workers: TestWorkers;
let shop: Shop;
let folder: string;
/** What is noted while the lake grows. */
const noted = { keys: [] as string[], pins: {} as Record<string, Pin>, digests: {} as Record<string, string> };
let careful: MaintainSummary;
let thorough: MaintainSummary;
let heads: Readonly<Record<string, string>>;
let files: ReturnType<typeof plantFiles>;

beforeAll(async () => {
  stack = await startTestStack(['postgres', 'temporal']);
  const { environment } = stack;
  folder = path.dirname((await generateWorld(environment.home, ROWS)).path);
  shop = openLakeShop(environment);
  await grow('trained', 'events-2019-07-0*.csv');
  await registerVersion(environment, noted.pins.trained as Pin);
  await grow('tagged', 'events-2019-07-1*.csv');
  await tag(noted.pins.tagged as Pin);
  await grow('forgotten', 'events-2019-07-2*.csv');
  await grow('head', 'events-2019-08-0*.csv');
  heads = await shop.digests();
  files = plantFiles();
  await plantToken();
  workers = await startWorkers(environment);
  careful = await workers.run<MaintainSummary>('maintain', { expireAfterDays: 0, mergeFrom: 2 });
  thorough = await workers.run<MaintainSummary>('maintain', { expireAfterDays: 0, deleteAfterHours: 0 });
});
afterAll(async () => {
  await workers?.stop();
  await stack?.stop();
});

/** Ingests and builds, and notes where the facts then stand. */
const grow = async (name: string, glob: string): Promise<void> => {
  for (const { commitKey } of await shop.ingest(path.join(folder, glob))) noted.keys.push(commitKey);
  await shop.build();
  await shop.withLake(async ({ lake }) => {
    const head = (await lake.commits.heads()).find(({ table }) => table === FACTS);
    noted.pins[name] = { table: FACTS, snapshot: head?.snapshot ?? 0, key: head?.key ?? '' };
    noted.digests[name] = await lake.digest(FACTS, head?.snapshot ?? 0);
  });
};

const tag = (pin: Pin) => {
  const about = { name: 'before-the-20th', description: 'what was known by the 20th', metadata: {}, createdBy: 'test' };
  return withPool(stack.environment, (pool) =>
    new PostgresDataTags(pool).add({ ...about, whole: false, tables: [{ ...pin, rows: 1 }] }, 'tag'),
  );
};

/** What killed attempts leave: beside the lake's files, and in scratch. One of each is young, and may be work in progress. */
const plantFiles = () => {
  const { lake, stage } = stack.environment;
  const place = (name: string, old: boolean) => {
    const file = path.join(name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, 'left behind');
    if (old) for (const touched of [file, path.dirname(file)]) utimesSync(touched, DAYS_AGO, DAYS_AGO);
    return file;
  };
  const beside = (name: string) => path.join(lake.dataPath, 'silver', 'events', `${name}.parquet`);
  return {
    orphan: place(beside('orphan'), true),
    inFlight: place(beside('in-flight'), false),
    deadScratch: place(path.join(stage, 'train', 'dead', 'matrix.bin'), true),
    liveScratch: place(path.join(stage, 'train', 'live', 'matrix.bin'), false),
  };
};

/** A refresh token whose time is over. */
const plantToken = () =>
  withPool(stack.environment, async (pool) => {
    const asked = { environment: 'dev', name: 'shop', roles: ['viewer'], days: 1, by: 'test' } as const;
    const { key } = await new PostgresApiKeys(pool).create(asked);
    await pool.query(
      `insert into refresh_tokens (sha256, family, key_id, roles, expires_at)
       values (repeat('a', 64), gen_random_uuid(), $1, '{viewer}', clock_timestamp() - interval '1 day')`,
      [key.id],
    );
  });

const digestAt = (snapshot: number) => shop.withLake(({ lake }) => lake.digest(FACTS as TableName, snapshot));

describe('upkeep', () => {
  it('merges files of tables that grow by appending', () => {
    const bronze = careful.merged.tables.find(({ table }) => table === 'bronze.files');
    expect(bronze).toMatchObject({ filesAfter: 1 });
    expect(bronze?.filesBefore).toBeGreaterThan(3);
  });

  it('expires what nobody needs, and says why the rest stays', async () => {
    expect(careful.expired.expired).toBeGreaterThan(5);
    expect(Object.keys(careful.expired.kept)).toEqual(
      expect.arrayContaining(['a table stands there', 'a model version was trained from it', 'a tag names it']),
    );
    await expect(digestAt(noted.pins.forgotten?.snapshot ?? 0)).rejects.toThrow(/No snapshot found/);
  });

  it('keeps every head, every version and every tag readable to the bit', async () => {
    expect(await shop.digests()).toEqual(heads);
    for (const name of ['trained', 'tagged', 'head']) {
      expect(await digestAt(noted.pins[name]?.snapshot ?? 0)).toBe(noted.digests[name]);
    }
  });

  it('keeps the bronze that a version came from, so that it can be made again', async () => {
    await shop.withLake(async ({ lake }) => {
      const made = await lake.commits.at(FACTS, noted.pins.trained?.snapshot ?? 0);
      const bronze = ((made?.extra.inputs ?? []) as Pin[]).filter(({ table }) => table.startsWith('bronze.'));
      expect(bronze.length).toBeGreaterThan(0);
      for (const { table, snapshot } of bronze) {
        expect(await lake.db.number(`select count(*) from lake.${table} at (version => ${snapshot})`)).toBeGreaterThan(
          0,
        );
      }
    });
  });

  it('forgets no commit: what was ingested under an expired snapshot is not ingested again', async () => {
    await shop.withLake(async ({ lake }) => {
      for (const key of noted.keys) expect((await lake.find(key))?.key).toBe(key);
      const log = await lake.commits.list(10_000);
      expect(log.map(({ snapshot }) => snapshot)).toContain(noted.pins.forgotten?.snapshot);
    });
  });

  it('gives back the disk of killed attempts, and leaves alone what may be in flight', () => {
    expect(careful.cleaned.orphans).toEqual({ files: 1, bytes: 'left behind'.length });
    expect(careful.cleaned.old).toEqual({ files: 0, bytes: 0 });
    expect(careful.scratch.files).toBe(1);
    expect(existsSync(files.orphan)).toBe(false);
    expect(existsSync(path.dirname(files.deadScratch))).toBe(false);
    expect(existsSync(files.liveScratch)).toBe(true);
  });

  it('deletes merged and expired files once nobody can be reading them', async () => {
    expect(thorough.cleaned.old.files).toBeGreaterThan(5);
    expect(thorough.cleaned.old.bytes).toBeGreaterThan(1_000);
    const { dataPath } = stack.environment.lake;
    const onDisk = readdirSync(dataPath, { recursive: true }).filter((name) => String(name).endsWith('.parquet'));
    await withPool(stack.environment, async (pool) => {
      const { rows } = await pool.query(
        `select (select count(*) from lake_dev.ducklake_data_file)::int + (select count(*) from lake_dev.ducklake_delete_file)::int as n`,
      );
      expect(onDisk.length).toBe(rows[0].n);
    });
  });

  it('deletes refresh tokens that expired', () => {
    expect([careful.tokens, thorough.tokens]).toEqual([1, 0]);
  });

  it('tells what it did, once', async () => {
    const { rows } = await withPool(stack.environment, (pool) =>
      pool.query('select kind, result from dev.upkeep_events order by position'),
    );
    expect(rows).toEqual([
      { kind: 'maintain', result: careful },
      { kind: 'maintain', result: thorough },
    ]);
  });
});

describe('after upkeep', () => {
  it('a run finds everything as it was', async () => {
    expect(await shop.build()).toEqual([]);
  });

  it('late files bring the very rows that a lake without upkeep has', async () => {
    await shop.ingest(path.join(folder, 'events-2019-08-1*.csv'));
    const built = await shop.build();
    expect(built).toEqual(expect.arrayContaining([FACTS, 'gold.fact_daily_kpis']));
    const { environment } = stack;
    const place = { metadataSchema: 'lake_other', dataPath: path.join(environment.home, 'lakes', 'other') };
    const other = openLakeShop({
      ...environment,
      postgres: { ...environment.owner, external: false },
      lake: { ...environment.lake, ...place },
    });
    for (const days of ['07-0', '07-1', '07-2', '08-0', '08-1']) {
      await other.ingest(path.join(folder, `events-2019-${days}*.csv`));
    }
    await other.build();
    const [mine, theirs] = [await shop.digests(), await other.digests()];
    // The ledger's and the rows' own order of arrival differ; what is built from them must not.
    const derived = ([table]: [string, string]) => !table.startsWith('bronze.');
    expect(Object.fromEntries(Object.entries(mine).filter(derived))).toEqual(
      Object.fromEntries(Object.entries(theirs).filter(derived)),
    );
  });
});

describe('a sweep of staging', () => {
  let story: SweepStory;
  beforeAll(async () => {
    story = await playSweep(siblingOf(stack.environment, 'staging'), folder);
  });
  const swept = ({ swept: { tables } }: SweepStory['first']) => tables.map(({ table }) => table).sort();
  const derived = (digests: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(digests).filter(([table]) => !table.startsWith('bronze.')));

  it('empties what nobody needs, and reports tables, rows, files and bytes', () => {
    expect(swept(story.first)).toEqual(swept(story.rehearsed));
    expect(swept(story.first)).toEqual(
      expect.arrayContaining(['bronze.clickstream', 'bronze.files', FACTS, 'gold.fact_daily_kpis']),
    );
    const facts = story.first.swept.tables.find(({ table }) => table === 'bronze.clickstream');
    expect(facts?.rows).toBe(story.rows);
    expect(facts?.files).toBeGreaterThan(0);
    expect(facts?.bytes).toBeGreaterThan(1_000);
    expect(story.first.expired.expired).toBeGreaterThan(0);
    // Files are given up by one sweep and deleted by the next, when nobody can be reading them any more.
    expect(story.second.cleaned.old.bytes).toBeGreaterThan(1_000);
    expect(story.rehearsed.dryRun).toBe(true);
  });

  it('leaves a schedule nothing to do, rather than a failure or a made-up sample', () => {
    expect(story.refreshed).toEqual({ useCases: [], without: ['ecommerce-intelligence'] });
  });

  it('takes back what it swept: the same files come in again, to the same tables', () => {
    expect(story.rowsAgain).toBe(story.rows);
    expect([...story.rebuilt].sort()).toEqual(['gold.fact_daily_kpis', FACTS].sort());
    expect(derived(story.after)).toEqual(derived(story.before));
  });

  it('keeps what a champion was trained from, and all that it was made of', () => {
    expect(swept(story.second)).toEqual(expect.arrayContaining(['gold.fact_daily_kpis']));
    for (const table of [FACTS, 'bronze.clickstream', 'bronze.files']) expect(swept(story.second)).not.toContain(table);
    expect(story.second.swept.kept['a version with an alias needs it']).toBeGreaterThan(2);
    expect([...story.rebuiltAgain].sort()).toEqual(swept(story.second));
    expect(story.atTheEnd).toEqual(story.after);
  });

  it('is on record', async () => {
    const { rows } = await withPool(siblingOf(stack.environment, 'staging'), (pool) =>
      pool.query(`select result from upkeep_events where kind = 'sweep' order by position`),
    );
    expect(rows.map(({ result }) => result)).toEqual([story.rehearsed, story.first, story.second]);
  });
});
