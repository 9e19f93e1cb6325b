// The online store on a real Postgres: newer wins whatever the order of writing, ties by rule, and 10,000 random keys agree.
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresFeatureRegistry } from '../../../adapters/postgres/feature-registry.ts';
import { listen } from '../../../adapters/postgres/listen.ts';
import { type OnlineRow, PostgresOnlineStore, type WrittenRow } from '../../../adapters/postgres/online-store.ts';
import { openPool } from '../../../adapters/postgres/pool.ts';
import { PostgresPublishedReports } from '../../../adapters/postgres/published-reports.ts';
import { canonicalJson } from '../../../core/commit.ts';
import { randomStream } from '../../../core/random.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

const VIEW = 'features.customer_daily';
const day = (n: number): string => new Date(Date.UTC(2025, 0, 1 + n)).toISOString();
const row = (entity: string, eventDay: number, knownDay: number, spend: number): OnlineRow => ({
  entity,
  values: { spend, brand: null },
  eventTime: day(eventDay),
  knownAt: day(knownDay),
});

describe('PostgresOnlineStore', () => {
  let stack: TestStack;
  let pool: Pool;
  let store: PostgresOnlineStore;
  beforeAll(async () => {
    stack = await startTestStack(['postgres']);
    const { postgres, schema } = stack.environment;
    pool = openPool(postgres, { max: 8, schema });
    store = new PostgresOnlineStore(pool);
  });
  afterAll(async () => {
    await pool?.end();
    await stack?.stop();
  });
  const spend = async (entity: string) => (await store.read(VIEW, [entity])).get(entity)?.values.spend;

  it('never lets an older event overwrite a newer one', async () => {
    expect(await store.upsertBatch(VIEW, [row('a', 5, 5, 1)])).toBe(1);
    expect(await store.upsertBatch(VIEW, [row('a', 4, 9, 2)])).toBe(0);
    expect(await spend('a')).toBe(1);
    expect(await store.upsertBatch(VIEW, [row('a', 6, 6, 3)])).toBe(1);
    expect(await spend('a')).toBe(3);
  });

  it('lets the later knowledge win at equal event time, and the later write at a full tie', async () => {
    await store.upsertBatch(VIEW, [row('b', 5, 6, 1)]);
    expect(await store.upsertBatch(VIEW, [row('b', 5, 5, 2)])).toBe(0);
    expect(await store.upsertBatch(VIEW, [row('b', 5, 7, 3)])).toBe(1);
    expect(await store.upsertBatch(VIEW, [row('b', 5, 7, 3)])).toBe(0);
    expect(await store.upsertBatch(VIEW, [row('b', 5, 7, 4)])).toBe(1);
    expect(await spend('b')).toBe(4);
  });

  it('is asked for one entity by a plan that is made once, where its pool says so', async () => {
    const { postgres, schema } = stack.environment;
    const one = openPool(postgres, { max: 1, schema, plannedOnce: true });
    try {
      for (let time = 0; time < 10; time += 1) await new PostgresOnlineStore(one).read(VIEW, ['a']);
      // Left to itself, Postgres plans the first five uses at least.
      const { rows } = await one.query(
        `select generic_plans::integer as once, custom_plans::integer as anew from pg_prepared_statements where name = 'online-read'`,
      );
      expect(rows).toEqual([{ once: 10, anew: 0 }]);
    } finally {
      await one.end();
    }
  });

  it('settles a key that comes twice in one batch', async () => {
    await store.upsertBatch(VIEW, [row('c', 5, 5, 1), row('c', 6, 5, 2), row('c', 4, 5, 3)]);
    expect(await spend('c')).toBe(2);
  });

  it('keeps views apart and does not invent entities', async () => {
    await store.upsertBatch('features.other', [row('d', 1, 1, 9)]);
    expect((await store.read(VIEW, ['d', 'e'])).size).toBe(0);
    expect(await store.reachable()).toBe(true);
  });

  describe('the TTL of a view', () => {
    const [version, table] = ['0123456789ab', 'features.timed'];
    const name = `${table}@${version}`;
    const record = (ttlDays: number | null) =>
      new PostgresFeatureRegistry(pool).record({
        ...{ view: 'timed', version, useCase: 'shop', table, entity: 'user_id', features: [], owner: null, ttlDays },
      });
    const expired = async (of = name, ttlDays?: number) =>
      [...(await store.read(of, ['old', 'young', 'pushed'], ttlDays)).values()]
        .filter((found) => found.expired)
        .map(({ entity }) => entity);

    it('counts from the newest moment that was materialised, whatever the clock says', async () => {
      await record(7);
      // Years before the clock of this machine, and nothing has expired.
      await store.upsertBatch(name, [row('old', 1, 1, 1), row('young', 1, 1, 1)]);
      expect(await expired()).toEqual([]);
      await store.upsertBatch(name, [row('young', 8, 8, 2)]);
      expect(await expired()).toEqual([]);
      const before = await store.generation(name);
      await store.upsertBatch(name, [
        { ...row('young', 8, 8, 3), eventTime: new Date(Date.parse(day(8)) + 1).toISOString() },
      ]);
      expect(await expired()).toEqual(['old']);
      // Copies outside Postgres know it too: the generation moved with the view's time.
      expect(await store.generation(name)).not.toBe(before);
      const { values, expired: said } = (await store.read(name, ['old'])).get('old') ?? {};
      expect([values?.spend, said]).toEqual([1, true]);
    });

    it('is renewed for an entity by a push, which ages no other entity', async () => {
      await store.push(name, [row('pushed', 5_000, 5_000, 1)]);
      expect(await expired()).toEqual(['old']);
      await store.push(name, [row('old', 2, 2, 1)]);
      expect(await expired()).toEqual([]);
    });

    it('is what the newest materialisation says, and none without one', async () => {
      await store.upsertBatch(name, [row('young', 30, 30, 1)]);
      expect(await expired()).toEqual(['old']);
      await record(60);
      expect(await expired()).toEqual([]);
      await record(null);
      expect(await expired()).toEqual([]);
      expect(await expired(name, 7)).toEqual(['old']);
    });

    it('of a fold counts from the newest push', async () => {
      const fold = 'streams.timed';
      await store.push(fold, [row('old', 1, 1, 1)], { moves: true });
      expect(await expired(fold, 7)).toEqual([]);
      await store.push(fold, [row('young', 9, 9, 1)], { moves: true });
      expect([await expired(fold, 7), await expired(fold, 8), await expired(fold)]).toEqual([['old'], [], []]);
    });
  });

  it('moves the watermark with its rows or not at all, and never back', async () => {
    const progress = { runKey: 'r', lastEntity: 'f', rowsDone: 10, finished: false };
    await store.upsertBatch(VIEW, [row('f', 1, 1, 1)], progress);
    const broken = { ...row('g', 1, 1, 1), eventTime: 'never' };
    await expect(store.upsertBatch(VIEW, [row('h', 1, 1, 1), broken], { ...progress, rowsDone: 20 })).rejects.toThrow(
      /never/,
    );
    expect((await store.read(VIEW, ['h'])).size).toBe(0);
    await store.upsertBatch(VIEW, [], { ...progress, rowsDone: 5 });
    expect(await store.watermark(VIEW, 'r')).toEqual({ lastEntity: 'f', rowsDone: 10, finished: false });
    expect(await store.watermark(VIEW, 'other')).toBeUndefined();
  });

  it('ends where the order of writing does not matter: by moment, then by who knew more', async () => {
    // Days of a moment, of a writer's horizon and of the newest fact; each triple stands once, so that no two rows tie.
    const rows = fc.uniqueArray(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)), {
      minLength: 1,
      maxLength: 10,
      selector: (days) => days.join(),
    });
    let views = 0;
    await fc.assert(
      fc.asyncProperty(rows, fc.infiniteStream(fc.nat(1_000)), fc.nat(3), async (told, chance, size) => {
        const view = `features.order_${views++}`;
        const written: WrittenRow[] = told.map(([event, horizon, known], i) => ({
          ...row('one', event, known, i),
          horizon: day(horizon + 3),
        }));
        const shuffled = written
          .map((one) => ({ one, at: chance.next().value ?? 0 }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ one }) => one);
        for (let i = 0; i < shuffled.length; i += size + 1)
          await store.upsertBatch(view, shuffled.slice(i, i + size + 1));
        const rank = ({ eventTime, horizon, knownAt }: WrittenRow) => `${eventTime} ${horizon} ${knownAt}`;
        const [best] = written.toSorted((a, b) => (rank(a) < rank(b) ? 1 : -1));
        expect((await store.read(view, ['one'])).get('one')?.values).toEqual(best?.values);
      }),
      { numRuns: 100, seed: 9 },
    );
  });

  it('agrees on 10,000 random keys after writers raced in any order', async () => {
    const random = randomStream(7);
    const best = new Map<string, OnlineRow>();
    const batches = Array.from({ length: 40 }, () =>
      Array.from({ length: 1_000 }, () =>
        row(
          `k${Math.floor(random() * 10_000)}`,
          Math.floor(random() * 50),
          Math.floor(random() * 50),
          random() * 1e6 - 0.1,
        ),
      ),
    );
    const rank = ({ eventTime, knownAt }: OnlineRow) => `${eventTime} ${knownAt}`;
    const ties = new Set<string>();
    for (const given of batches.flat()) {
      const known = best.get(given.entity);
      if (!known || rank(given) > rank(known)) {
        best.set(given.entity, given);
        ties.delete(given.entity);
      } else if (rank(given) === rank(known)) ties.add(given.entity);
    }
    await Promise.all(batches.map((batch) => store.upsertBatch('features.race', batch)));
    const keys = [...best.keys()].filter((key) => !ties.has(key));
    expect(keys.length).toBeGreaterThan(9_000);
    const found = await store.read('features.race', keys);
    expect(keys.filter((key) => canonicalJson(found.get(key)) !== canonicalJson(best.get(key)))).toEqual([]);
  });

  it('announces a moved alias to whoever listens', async () => {
    const { postgres, schema } = stack.environment;
    const heard: string[] = [];
    const stop = listen(
      postgres,
      'perennial_alias',
      (payload) => heard.push(payload),
      (error) => heard.push(error.message),
    );
    await pool.query(`insert into registered_models (model) values ('shop/propensity')`);
    await pool.query(
      `insert into model_versions (model, version, key, package_sha256, metrics, lineage, created_by, run_id)
       values ('shop/propensity', 1, 'key-of-one', repeat('a', 64), '{}', '{}', 'test', 'run')`,
    );
    await expect
      .poll(async () => {
        await pool.query(`insert into aliases (model, alias, version) values ('shop/propensity', 'champion', 1)
        on conflict (model, alias) do update set revision = aliases.revision + 1`);
        return heard;
      })
      .toContain(`${schema}/shop/propensity`);
    await stop();
  });

  it('finds the newest report, or the newest at a snapshot', async () => {
    const reports = new PostgresPublishedReports(pool);
    const report = (run: string, snapshot: number) => ({
      useCase: 'shop',
      run,
      snapshot,
      artifactSha256: 'a'.repeat(64),
      htmlSha256: 'b'.repeat(64),
    });
    for (const [run, snapshot] of [
      ['one', 10],
      ['three', 30],
      ['two', 20],
    ] as const)
      await reports.record(report(run, snapshot));
    await reports.record(report('two', 20));
    expect(await reports.latest('shop')).toEqual(report('three', 30));
    expect((await reports.latest('shop', 29))?.run).toBe('two');
    expect([await reports.latest('shop', 9), await reports.latest('other')]).toEqual([undefined, undefined]);
  });
});
