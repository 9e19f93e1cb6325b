// The shared layer on a real Redis and a real Postgres: read once for all, renewed by writes and promotions, done without when it is gone.
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PostgresOnlineStore } from '../../../adapters/postgres/online-store.ts';
import { openPool } from '../../../adapters/postgres/pool.ts';
import { PostgresRegistry } from '../../../adapters/postgres/registry.ts';
import { RedisTexts } from '../../../adapters/redis/shared-texts.ts';
import { loadEnvironment, settingsOf } from '../../../environments/environment.ts';
import { hearChanges } from '../../../serving/changes.ts';
import { FeatureCache } from '../../../serving/scoring/feature-cache.ts';
import { SharedFeatures } from '../../../serving/scoring/shared-features.ts';
import { startApi } from '../../../serving/server.ts';
import { redisInstalled, startRedis, type TestRedis } from '../../support/redis.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';
import { quiet } from '../fakes.ts';

const VIEW = 'features.customer_daily@0123456789ab';
const day = (n: number): string => new Date(Date.UTC(2025, 0, 1 + n)).toISOString();

describe.skipIf(!redisInstalled)('features shared in Redis', () => {
  let stack: TestStack;
  let pool: Pool;
  let store: PostgresOnlineStore;
  let redis: TestRedis;
  const closing: (() => void | Promise<void>)[] = [];
  let written = 0;

  beforeAll(async () => {
    [stack, redis] = await Promise.all([startTestStack(['postgres']), startRedis()]);
    const { postgres, schema } = stack.environment;
    pool = openPool(postgres, { max: 8, schema });
    store = new PostgresOnlineStore(pool);
  });
  afterAll(async () => {
    await Promise.all(closing.map((close) => close()));
    await pool?.end();
    await redis?.stop();
    await stack?.stop();
  });

  /** A materialisation of one entity: its spend is the day. */
  const materialise = async (entity: string) => {
    written += 1;
    await store.upsertBatch(VIEW, [
      { entity, values: { spend: written, brand: 'zén' }, eventTime: day(written), knownAt: day(written) },
    ]);
    await store.announce(VIEW);
    return written;
  };

  /** An API process as far as features go; `reads` counts what it asked Postgres. */
  const api = async ({ deaf = false } = {}) => {
    const reads: (readonly string[])[] = [];
    const counting = {
      generation: (view: string) => store.generation(view),
      read: (view: string, entities: readonly string[]) => {
        reads.push(entities);
        return store.read(view, entities);
      },
    };
    const place = { host: '127.0.0.1', port: redis.port, tls: false, user: '', password: redis.password, database: 0 };
    const troubles: Error[] = [];
    const texts = new RedisTexts(place, (error) => void troubles.push(error));
    // The machine may be busy: what counts as slow is tried with a Redis that hangs.
    const shared = new SharedFeatures({ environment: 'dev', store: counting, texts, now: Date.now, answerMs: 300 });
    const features = new FeatureCache({ store: shared, now: Date.now, freshMs: deaf ? 0 : 600_000 });
    closing.push(() => texts.close());
    if (!deaf) {
      const keeper = { look: async () => {} };
      closing.push(hearChanges(stack.environment.postgres, { keeper, features, log: quiet }));
    }
    const spend = async (entity: string) => (await features.read(VIEW, [entity])).found.get(entity)?.values.spend;
    await expect.poll(() => texts.connected()).toBe(true);
    return { reads, shared, features, spend, texts, troubles };
  };
  const kept = async (): Promise<number> => {
    const client = await redis.client();
    const size = await client.dbSize();
    client.destroy();
    return size;
  };
  beforeEach(async () => {
    await redis.restart();
  });

  it('are read from Postgres once for all processes, and expire by themselves', async () => {
    const spend = await materialise('1');
    const [a, b] = [await api(), await api()];
    expect(await a.spend('1')).toBe(spend);
    await expect.poll(kept).toBe(1);
    expect(await b.spend('1')).toBe(spend);
    expect([a.reads, b.reads]).toEqual([[['1']], []]);
    expect(b.shared.stats()).toMatchObject({ hits: 1, hitRate: 1 });
    const client = await redis.client();
    const [key = ''] = await client.keys('*');
    expect(key).toMatch(/^perennial:dev:features:[0-9a-f-]{36}\.\d+:/);
    expect(await client.ttl(key)).toBeGreaterThan(0);
    client.destroy();
  });

  it('are renewed for all by a materialisation, a push and a promotion', async () => {
    await materialise('2');
    const both = [await api(), await api()];
    for (const { spend } of both) expect(await spend('2')).toBe(written);
    await materialise('2');
    for (const { spend } of both) await expect.poll(() => spend('2')).toBe(written);
    written += 1;
    await store.push(VIEW, [
      { entity: '2', values: { spend: written }, eventTime: day(written), knownAt: day(written) },
    ]);
    for (const { spend } of both) await expect.poll(() => spend('2')).toBe(written);

    const before = await store.generation(VIEW);
    const asked = both.map(({ reads }) => reads.length);
    await promote();
    expect(await store.generation(VIEW)).not.toBe(before);
    // Each hears of it, and reads again: one of them from Postgres.
    const sum = () => both.reduce((total, { reads }) => total + reads.length, 0);
    await expect
      .poll(async () => {
        for (const { spend } of both) expect(await spend('2')).toBe(written);
        return sum();
      })
      .toBeGreaterThan(asked.reduce((total, one) => total + one, 0));
  });

  /** The next version of a model takes the champion's alias. */
  const promote = async () => {
    const registry = new PostgresRegistry(pool);
    const by = { by: 'test', why: 'test' };
    const model = 'shop/model';
    const made = { model, packageSha256: 'a'.repeat(64), metrics: {}, lineage: {}, runId: 'r', ...by };
    const from = (await registry.champion(model))?.version ?? null;
    const { version } = (await registry.registerVersion({ ...made, key: `key-of-${from ?? 'none'}` })).version;
    await registry.moveAlias({ model, alias: 'champion', from, to: version, operation: `move-${version}`, ...by });
  };

  it('are renewed without any notice, a second later', async () => {
    await materialise('3');
    const deaf = await api({ deaf: true });
    expect(await deaf.spend('3')).toBe(written);
    await materialise('3');
    await expect.poll(() => deaf.spend('3'), { timeout: 3_000 }).toBe(written);
  });

  it('survive a Redis that hangs, dies in the middle of it, and comes back empty', async () => {
    await materialise('4');
    const { spend, shared, troubles, features, reads } = await api();
    expect(await spend('4')).toBe(written);
    const failed: unknown[] = [];
    const answers = async (ms: number) => {
      for (const end = Date.now() + ms; Date.now() < end; ) {
        features.forget(VIEW);
        await spend('4').then(
          (value) => value === written || failed.push(value),
          (error: unknown) => failed.push(error),
        );
      }
    };
    redis.signal('SIGSTOP');
    await answers(1_500);
    expect(shared.stats().failures).toBeGreaterThan(0);
    redis.signal('SIGCONT');
    const load = answers(1_500);
    await redis.kill();
    await load;
    expect(failed).toEqual([]);
    expect(shared.stats().connected).toBe(false);
    // It says so once, however often it tries.
    expect(troubles).toHaveLength(1);
    expect(JSON.stringify(troubles.map(String))).not.toContain(redis.password);
    await redis.restart();
    await expect.poll(() => shared.stats().connected).toBe(true);
    expect(await kept()).toBe(0);
    // What it had lost was only copies: the generation is Postgres's, and says the present.
    const asked = reads.length;
    await materialise('4');
    const other = await api();
    await expect.poll(() => spend('4')).toBe(written);
    await expect.poll(kept).toBe(1);
    expect(await other.spend('4')).toBe(written);
    expect([reads.length > asked, other.reads]).toEqual([true, []]);
  });

  it('are not believed where somebody else wrote them', async () => {
    await materialise('5');
    const client = await redis.client();
    const key = `perennial:dev:features:${await store.generation(VIEW)}:${VIEW}\n5`;
    for (const poison of ['nonsense', '{"view":"', Buffer.from([0xff, 0xfe, 0x00]), '{"features":null}']) {
      await client.set(key, poison);
      const { spend, shared, reads } = await api();
      expect(await spend('5')).toBe(written);
      expect([shared.stats().refused, reads.length]).toEqual([1, 1]);
    }
    client.destroy();
  });

  it('give each transaction that changes rows a generation of its own, and others none', async () => {
    const rows = [{ entity: '6', values: { spend: 1 }, eventTime: day(1), knownAt: day(1) }];
    expect(await store.generation('features.fresh')).toBeUndefined();
    await store.upsertBatch('features.fresh', rows);
    const first = await store.generation('features.fresh');
    await store.upsertBatch('features.fresh', rows);
    expect(await store.generation('features.fresh')).toBe(first);
    await store.push('features.fresh', [{ entity: '6', values: { spend: 1 }, eventTime: day(2), knownAt: day(1) }]);
    expect(await store.generation('features.fresh')).not.toBe(first);
  });

  it('are what an API says it shares, and it starts without them', async () => {
    const { environment } = stack;
    const at = (port: number, password: string) =>
      loadEnvironment('dev', {
        ...settingsOf(environment),
        PERENNIAL_REDIS_URL: `redis://:${password}@127.0.0.1:${port}/0`,
      });
    const health = async (url: string) =>
      ((await (await fetch(`${url}/health`)).json()) as { feature_cache: object }).feature_cache;
    for (const [password, state] of [
      [redis.password, 'connected'],
      ['another-password', 'away'],
    ] as const) {
      const running = await startApi(at(redis.port, password));
      await expect.poll(() => health(running.url)).toMatchObject({ memory: { hits: 0 }, redis: { state, hits: 0 } });
      await running.close();
    }
  });
});
