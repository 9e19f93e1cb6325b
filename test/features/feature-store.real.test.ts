// The feature store on a real lake and a real Postgres: late facts do not leak into training sets, and after materialising both sides
// agree key by key, whatever was pushed, taken back or rolled back in between.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type HistoryBounds,
  historicalFeatures,
  historicalFile,
  loadAsked,
  wantedOf,
  writeFeatures,
} from '../../activities/feature-history.ts';
import { horizonsIn } from '../../activities/lake-session.ts';
import { materialize } from '../../activities/materialize.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import type { DuckDb } from '../../adapters/duckdb/session.ts';
import { PostgresFeatureRegistry } from '../../adapters/postgres/feature-registry.ts';
import { listen } from '../../adapters/postgres/listen.ts';
import { type OnlineRow, PostgresOnlineStore } from '../../adapters/postgres/online-store.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { proposeFeatures } from '../../cli/feature-selection.ts';
import { catalogueViews, listViews } from '../../cli/features.ts';
import { type ReadOnlyLake, withReadOnlyLake } from '../../cli/lake.ts';
import { canonicalJson } from '../../core/commit.ts';
import { onlineName } from '../../core/feature-version.ts';
import { literal } from '../../core/sql.ts';
import { useCaseNamed } from '../../core/use-case.ts';
import { childVariables, settingsOf } from '../../environments/environment.ts';
import { useCases } from '../../models/index.ts';
import type { TestLake } from '../support/lake.ts';
import { generateWorld } from '../support/product.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import {
  type BuiltFeatures,
  buildFeatures,
  ingestInto,
  lateFile,
  trainingSetOf,
  withOpenLake,
} from './shop-history.ts';

const useCase = useCaseNamed(useCases, 'ecommerce-intelligence');
const EARLY = '2019-12-01T08:00:00.000Z';
const LATE = '2020-02-01T08:00:00.000Z';
const frame = { signal: new AbortController().signal, onProgress: () => undefined };

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack(['postgres']);
});
afterAll(async () => stack?.stop());

const withLake = <T>(work: (open: TestLake) => Promise<T>): Promise<T> => withOpenLake(stack.environment, work);

const ingest = (files: string, knownAt: string) => ingestInto(stack.environment, files, knownAt);
const build = () => buildFeatures(stack.environment);
const trainingSet = (built: BuiltFeatures, moments: readonly string[], bounds?: HistoryBounds) =>
  trainingSetOf(stack.environment, built, moments, bounds);

describe('a late backfill', () => {
  let before: BuiltFeatures;
  let early: Awaited<ReturnType<typeof trainingSet>>;
  /** Facts are known from the day of ingestion on: nobody could have trained before it. */
  const moments = ['2019-12-01 09:00:00', '2020-01-15 00:00:00', '2020-02-01 07:59:59'];

  beforeAll(async () => {
    const world = await generateWorld(stack.environment.home, 20_000);
    await ingest(world.path, EARLY);
    before = await build();
    early = await trainingSet(before, moments);
    await ingest(lateFile(path.dirname(world.path)), LATE);
  });

  it('leaves a training set of moments before it byte for byte what it was', async () => {
    const after = await build();
    expect(early.known).toBeGreaterThan(1_000);
    expect(after.snapshot).toBeGreaterThan(before.snapshot);
    expect(await trainingSet({ ...after, snapshot: before.snapshot }, moments)).toEqual(early);
    const lateMoments = [...moments, '2020-02-01 08:00:00', '2020-02-10 00:00:00'];
    const later = await trainingSet({ ...after, snapshot: before.snapshot }, lateMoments);
    const without = await trainingSet({ ...after, snapshot: before.snapshot }, lateMoments, { until: before.snapshot });
    expect(later.rows).toBe(without.rows);
    // What is known in February differs: the late facts count from then on.
    expect(later.sha256).not.toBe(without.sha256);
  });

  it('knows nothing of any moment before the facts were ingested', async () => {
    const earlier = ['2019-12-01 07:59:59', '2019-11-15 00:00:00'];
    expect((await trainingSet(before, earlier)).known).toBe(0);
    expect((await trainingSet(before, earlier, { asIfKnown: true })).known).toBeGreaterThan(1_000);
  });

  it('shows in known_at, of those it concerns and of no others', async () => {
    const rows = await withLake(({ lake }) =>
      lake.db.rows(
        'select known_at::varchar as known_at, count(*)::integer as rows from lake.features.customer_daily group by 1 order by 1',
      ),
    );
    expect(rows.map(({ known_at: known }) => known)).toEqual(['2019-12-01 08:00:00', '2020-02-01 08:00:00']);
  });
});

describe('a reader', () => {
  const entities = () => path.join(stack.environment.home, 'entities.csv');
  const asked = ['7', 'nobody', '3', '7'];
  const moments = ['2020-01-05 00:00:00', '2020-01-05 00:00:00', '2019-06-01 00:00:00', '2020-02-03 00:00:00'];
  beforeAll(() =>
    writeFileSync(entities(), ['user_id,event_timestamp', ...asked.map((who, i) => `${who},${moments[i]}`)].join('\n')),
  );
  const relation = () => `read_csv(${literal(entities())}, all_varchar = true)`;

  it('gets features in the order of asking, and can write nothing but what was asked for', async () => {
    const out = path.join(stack.environment.home, 'asked.parquet');
    let given: readonly string[] = [];
    const prepare = async (db: DuckDb) => {
      given = await loadAsked(db, { relation: relation(), entity: 'user_id', moment: 'event_timestamp' });
    };
    const read = async (lake: ReadOnlyLake) => {
      const views = (await catalogueViews(lake.db)).filter(({ kind }) => kind === 'table').map(({ view }) => view);
      const select = await historicalFeatures(lake, given, wantedOf(views, ['customer_daily:spend']));
      await expect(writeFeatures(lake.db, select, `${out}.other`)).rejects.toThrow(/permission|disabled/i);
      return writeFeatures(lake.db, select, out);
    };
    expect(await withReadOnlyLake(stack.environment, undefined, read, 'developer', { prepare, writes: [out] })).toBe(4);
    const rows = await withLake(({ lake }) => lake.db.rows(`from read_parquet(${literal(out)})`));
    expect(rows.map(({ user_id: who }) => who)).toEqual(asked);
    expect(rows.slice(1, 3).map(({ spend }) => spend)).toEqual([null, null]);
    expect(Object.keys(rows[0] ?? {})).toEqual(['user_id', 'event_timestamp', 'spend', 'customer_daily__event_time']);
  });

  it('gets the same from the step that works on artifacts', async () => {
    const { artifacts: folder, home, stage } = stack.environment;
    const artifacts = new FolderArtifacts(folder);
    const file = path.join(home, 'entities.parquet');
    const made = await withLake(async ({ lake }) => {
      await lake.db.run(`copy (from ${relation()}) to ${literal(file)} (format parquet)`);
      const request = {
        useCase: useCase.name,
        entities: await artifacts.put(readFileSync(file)),
        timestamp: 'event_timestamp',
        features: ['customer_daily:spend'],
      };
      return historicalFile(lake, { artifacts, useCases, stage }, request);
    });
    expect(made.rows).toBe(4);
    expect(made).not.toHaveProperty('warning');
    const rows = async (from: string) => withLake(({ lake }) => lake.db.rows(`from read_parquet(${literal(from)})`));
    writeFileSync(file, await artifacts.get(made.features.sha256));
    expect(await rows(file)).toEqual(await rows(path.join(home, 'asked.parquet')));
  });

  it('is warned where history was taken for known: in words, in JSON, and in the file itself', async () => {
    const { environment } = stack;
    const env = childVariables(settingsOf(environment));
    const get = async (...more: string[]) => {
      const out = path.join(environment.home, `got${more.length}.parquet`);
      const asks = ['features', 'get', '--entities', entities(), '--features', 'customer_daily:spend', '--out', out];
      const words = ['cli/perennial.mjs', ...asks, '--json', ...more];
      const { stdout, stderr } = await execa('node', words, { cwd: environment.root, env, extendEnv: false });
      const facts = await withLake(({ lake }) =>
        lake.db.rows(
          `select decode(key) as key from parquet_kv_metadata(${literal(out)}) where decode(key) like 'perennial%'`,
        ),
      );
      return { told: JSON.parse(stdout), stderr, facts: facts.map(({ key }) => String(key)).sort() };
    };
    const strict = await get();
    expect([strict.told.as_if_known, strict.told.warning, strict.facts]).toEqual([false, undefined, []]);
    expect(strict.stderr).not.toMatch(/Warning/);
    const loose = await get('--as-if-known');
    expect(loose.told).toMatchObject({ rows: 4, as_if_known: true, warning: expect.stringMatching(/leakage/) });
    expect(loose.stderr).toMatch(/Warning: known_at was taken for event_time/);
    expect(loose.facts).toEqual(['perennial_as_if_known', 'perennial_warning']);
  });

  it('sees what the catalogue says, and a proposal with reasons', async () => {
    const listed = await withReadOnlyLake(stack.environment, undefined, async (lake) =>
      listViews(stack.environment, 'developer', await catalogueViews(lake.db), Date.now()),
    );
    expect(listed.map(({ view, kind }) => `${view} ${kind}`)).toEqual([
      'customer_daily table',
      'customer_last_visit fold',
    ]);
    const [view] = useCase.featureViews;
    if (!view) throw new Error('no view');
    const gains = new Map([
      ['views', 10],
      ['total_events', 20],
      ['primary_category', 5],
      ['spend', 0],
    ]);
    const { cuts, choices } = await withReadOnlyLake(stack.environment, undefined, (lake) =>
      proposeFeatures(lake.db, view, gains),
    );
    expect(cuts).toHaveLength(5);
    expect(choices.map(({ feature }) => feature)).toEqual(['total_events', 'views', 'primary_category', 'spend']);
    expect(choices.at(-1)?.why).toBe('the model gains nothing by it');
  });
});

describe('materialising', () => {
  const ROWS = 12_000;
  const AS_OF = '2025-05-01';
  const view = {
    table: 'features.synthetic',
    entity: 'user_id',
    version: 'a'.repeat(12),
    knownAt: 'known_at',
  } as const;
  const features = [
    { name: 'spend', kind: 'numeric' as const },
    { name: 'ratio', kind: 'numeric' as const },
    { name: 'brand', kind: 'categorical' as const },
  ];
  const day = (n: number) => `2025-05-${String(n).padStart(2, '0')}`;

  /** Rows known on the first and second of May; `more` is added to what some of them spend. */
  const commit = (key: string, more: number): Promise<number> =>
    withLake(async ({ lake }) => {
      const staged = await lake.stage(
        view.table,
        `select i::bigint as user_id, timestamp '${AS_OF}' as as_of, (i * 0.1 + if(i % 5 = 0, ${more}, 0))::decimal(18, 2) as spend,
           case when i % 11 = 0 then 'nan'::double else i / 7 end as ratio, case when i % 3 > 0 then 'brand ' || i % 17 end as brand,
           timestamp '2025-05-01' + to_days((i % 2)::integer) as known_at
         from range(${ROWS}) t(i)`,
      );
      const head = await lake.head(view.table);
      const write = {
        table: view.table,
        files: [staged.file],
        replace: 'all' as const,
        expectParent: head?.key ?? null,
      };
      return (await lake.commit({ key, once: 'head', message: key, writes: [write], extra: {} })).snapshot;
    });

  const online = async <T>(work: (store: PostgresOnlineStore) => Promise<T>): Promise<T> => {
    const { postgres, schema } = stack.environment;
    const pool = openPool(postgres, { max: 4, schema });
    return work(new PostgresOnlineStore(pool)).finally(() => pool.end());
  };
  const materializeAt = (runKey: string, snapshot: number, horizon: string) =>
    withLake(({ lake }) =>
      online((store) => {
        const sides = { lake, online: store, crash: () => undefined };
        const input = {
          runKey,
          view,
          features,
          snapshot,
          asOf: AS_OF,
          horizon: `${horizon}T00:00:00Z`,
          chunkRows: 1_000,
        };
        return materialize(sides, input, frame);
      }),
    );

  /** Entities, of 10,000, whose online values are not what the lake holds, read without the code that wrote them. */
  const disagreeing = (snapshot: number): Promise<string[]> =>
    withLake(async ({ lake }) => {
      const rows = await lake.db.rows(
        `select user_id::varchar as entity, spend::double as spend, if(isnan(ratio), null, ratio) as ratio, brand
         from lake.${view.table} at (version => ${snapshot}) order by md5(user_id::varchar) limit 10000`,
      );
      expect(rows).toHaveLength(10_000);
      const found = await online((store) =>
        store.read(
          onlineName(view),
          rows.map(({ entity }) => String(entity)),
        ),
      );
      return rows.flatMap(({ entity, ...values }) =>
        canonicalJson(found.get(String(entity))?.values) === canonicalJson(values) ? [] : [String(entity)],
      );
    });

  it('leaves 10,000 keys equal on both sides, also after a correction that takes facts away', async () => {
    const first = await commit('first', 0);
    expect(await materializeAt('run-1', first, day(2))).toMatchObject({ rows: ROWS, resumedAfter: 0 });
    expect(await disagreeing(first)).toEqual([]);
    // The same moments and older known_at, other values: only the horizon tells that the lake knows better.
    const second = await commit('second', 100);
    await materializeAt('run-2', second, day(3));
    expect(await disagreeing(second)).toEqual([]);
    expect((await disagreeing(first)).length).toBeGreaterThan(1_000);
    // A straggler with the first content changes nothing.
    await materializeAt('run-3', first, day(2));
    expect(await disagreeing(second)).toEqual([]);
  });

  it('does not undo what was pushed later, and follows a rollback', async () => {
    const pushed: OnlineRow = {
      entity: '10',
      values: { spend: 1, ratio: 1, brand: 'pushed' },
      eventTime: `${AS_OF}T00:00:00.000Z`,
      knownAt: `${day(9)}T00:00:00.000Z`,
    };
    const heard: string[] = [];
    let tries = 0;
    const stop = listen(
      stack.environment.postgres,
      'perennial_features',
      (name) => heard.push(name),
      () => undefined,
    );
    // Until somebody listens, nothing is heard; and what says nothing new is never told.
    const push = () => {
      tries += 1;
      const knownAt = new Date(Date.parse(pushed.knownAt) + tries).toISOString();
      return online((store) => store.push(onlineName(view), [{ ...pushed, knownAt }]));
    };
    await expect.poll(() => push().then(() => heard)).toContain(onlineName(view));
    await stop();
    const third = await commit('third', 200);
    expect(await materializeAt('run-4', third, day(4))).toMatchObject({ rows: ROWS });
    const known = await online((store) => store.read(onlineName(view), ['10', '15']));
    expect(known.get('10')?.values.brand).toBe('pushed');
    expect(known.get('15')?.values.spend).toBe(201.5);
    await online((store) => store.reopen([view.table]));
    await materializeAt('run-1', third - 2, day(2));
    expect(await disagreeing(third - 2)).toEqual([]);
  });

  it('records which version of a view is online', async () => {
    const { postgres, schema } = stack.environment;
    const pool = openPool(postgres, { max: 1, schema });
    const registry = new PostgresFeatureRegistry(pool);
    const made = {
      view: 'synthetic',
      useCase: 'shop',
      table: view.table,
      entity: 'user_id',
      features,
      owner: 'me',
      ttlDays: 7,
    };
    await registry.record({ ...made, version: 'b'.repeat(12) });
    await registry.record({ ...made, version: view.version });
    await registry.record({ ...made, version: 'b'.repeat(12) });
    expect((await registry.versions('synthetic')).map(({ version }) => version[0])).toEqual(['b', 'a']);
    expect(await registry.extent(onlineName(view))).toMatchObject({ rows: ROWS, eventTime: `${AS_OF}T00:00:00.000Z` });
    expect(await registry.extent('features.nothing')).toEqual({ rows: 0, eventTime: null, knownAt: null });
    await pool.end();
  });
});

it('a lake without a ledger has no horizon', async () => {
  await withLake(async ({ lake }) => expect(await (await horizonsIn(lake))(0)).toBeNull());
});
