// The memory in front of the online store: fresh for seconds, forgotten on notice, stale answers only while the store is away, one query a turn.
import { describe, expect, it } from 'vitest';
import type { OnlineFeatures } from '../../../serving/ports.ts';
import { FeatureCache } from '../../../serving/scoring/feature-cache.ts';

const row = (recency: number): OnlineFeatures => ({
  values: { recency_days: recency },
  eventTime: '2025-05-01T00:00:00.000Z',
  knownAt: '2025-05-01T06:00:00.000Z',
});

/** A store of entities 'e1'…'e9' whose recency can be changed, with a log of its queries. */
const storeOf = () => {
  const store = {
    recency: 1,
    down: false,
    queries: [] as (readonly string[])[],
    read: async (_view: string, entities: readonly string[]) => {
      store.queries.push(entities);
      if (store.down) throw new Error('connect ECONNREFUSED');
      const { recency } = store;
      return new Map(entities.filter((name) => name.startsWith('e')).map((name) => [name, row(recency)]));
    },
  };
  return store;
};

const cacheOf = (more: { maxEntries?: number } = {}) => {
  const store = storeOf();
  const clock = { now: 0 };
  const cache = new FeatureCache({ store, now: () => clock.now, freshMs: 1_000, staleMs: 10_000, ...more });
  const recency = async (entity: string, view = 'v') =>
    (await cache.read(view, [entity])).found.get(entity)?.values.recency_days;
  return { store, clock, cache, recency };
};

describe('the memory of features', () => {
  it('asks the store once while it is fresh, also for an entity that nobody knows', async () => {
    const { store, clock, cache, recency } = cacheOf();
    expect([await recency('e1'), await recency('e1'), await recency('nobody'), await recency('nobody')]).toEqual([
      1,
      1,
      undefined,
      undefined,
    ]);
    expect(store.queries).toEqual([['e1'], ['nobody']]);
    store.recency = 2;
    clock.now = 999;
    expect(await recency('e1')).toBe(1);
    clock.now = 1_000;
    expect(await recency('e1')).toBe(2);
    expect(cache.cacheStats()).toEqual({ size: 2, hits: 3, misses: 3, stale: 0, hitRate: 0.5 });
  });

  it('forgets a view when it was materialised, and every view on a promotion', async () => {
    const { store, cache, recency } = cacheOf();
    await recency('e1');
    await recency('e1', 'other');
    store.recency = 2;
    cache.forget('v');
    expect([await recency('e1'), await recency('e1', 'other')]).toEqual([2, 1]);
    cache.forget();
    expect(await recency('e1', 'other')).toBe(2);
  });

  it('does not take for current what was being read when the view was materialised', async () => {
    const { store, cache, recency } = cacheOf();
    const reading = cache.read('v', ['e1', 'e2']);
    cache.forget('v');
    store.recency = 2;
    await reading;
    expect(await recency('e1')).toBe(2);
  });

  it('answers from memory, and says so, while the store is away; never from what is too old or was never read', async () => {
    const { store, clock, cache } = cacheOf();
    await cache.read('v', ['e1', 'nobody']);
    store.down = true;
    clock.now = 5_000;
    cache.forget('v');
    const reading = await cache.read('v', ['e1', 'nobody']);
    expect([reading.found.get('e1')?.values.recency_days, reading.found.has('nobody')]).toEqual([1, false]);
    expect(reading.stale).toEqual(new Set(['e1', 'nobody']));
    await expect(cache.read('v', ['e1', 'e2'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    clock.now = 10_000;
    await expect(cache.read('v', ['e1'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    store.down = false;
    expect((await cache.read('v', ['e1'])).stale.size).toBe(0);
  });

  it('spares a store that failed: those who are remembered are answered at once, and it is asked again soon', async () => {
    const { store, clock, cache } = cacheOf();
    await cache.read('v', ['e1', 'e2']);
    store.down = true;
    clock.now = 2_000;
    await cache.read('v', ['e1']);
    store.down = false;
    const asked = store.queries.length;
    expect((await cache.read('v', ['e2'])).stale).toEqual(new Set(['e2']));
    expect(store.queries.length).toBe(asked);
    expect((await cache.read('v', ['e3'])).stale.size).toBe(0);
    clock.now = 3_000;
    expect((await cache.read('v', ['e2'])).stale.size).toBe(0);
    expect(cache.cacheStats().stale).toBe(2);
  });

  it('does not wait for a store that hangs', async () => {
    const read = () => new Promise<never>(() => undefined);
    const cache = new FeatureCache({ store: { read }, now: () => 0, storeMs: 1 });
    await expect(cache.read('v', ['e1'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('gathers what is asked in one turn into one query, and tells each apart', async () => {
    const { store, recency } = cacheOf();
    const names = ['e1', 'e2', 'e1', 'nobody', 'e3'];
    expect(await Promise.all(names.map((name) => recency(name)))).toEqual([1, 1, 1, undefined, 1]);
    expect(store.queries).toEqual([['e1', 'e2', 'nobody', 'e3']]);
    expect(await Promise.all([recency('e4', 'a'), recency('e4', 'b')])).toEqual([1, 1]);
    expect(store.queries).toHaveLength(3);
  });

  it('keeps no more than it may', async () => {
    const { store, cache, recency } = cacheOf({ maxEntries: 3 });
    for (let i = 1; i <= 9; i += 1) await recency(`e${i}`);
    expect(cache.cacheStats().size).toBe(3);
    await recency('e9');
    expect(store.queries).toHaveLength(9);
  });
});
