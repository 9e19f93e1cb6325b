// The layer that processes share, with a Redis and a Postgres that do what the test says: which rows may lie under which generation.
import { describe, expect, it } from 'vitest';
import type { OnlineFeatures } from '../../../serving/ports.ts';
import { FeatureCache } from '../../../serving/scoring/feature-cache.ts';
import { SharedFeatures, type SharedTexts } from '../../../serving/scoring/shared-features.ts';

const row = (recency: number): OnlineFeatures => ({
  values: { recency_days: recency, brand: null, city: 'Zürich "1"' },
  eventTime: '2025-05-01T00:00:00.000Z',
  knownAt: '2025-05-01T06:00:00.000Z',
});

/** Postgres: `write` is one transaction; a read sees what was there when it began, and may be held up. */
const postgres = () => {
  const store = {
    recency: 1,
    generations: 1,
    down: false,
    reads: [] as (readonly string[])[],
    asked: 0,
    /** What a read waits for between its look at the rows and its answer. */
    held: Promise.resolve(),
    write: (recency: number) => {
      store.recency = recency;
      store.generations += 1;
    },
    read: async (_view: string, entities: readonly string[]) => {
      store.reads.push(entities);
      if (store.down) throw new Error('connect ECONNREFUSED');
      const { recency } = store;
      await store.held;
      return new Map(entities.filter((name) => name.startsWith('e')).map((name) => [name, row(recency)]));
    },
    generation: async (view: string): Promise<string | undefined> => {
      store.asked += 1;
      if (store.down) throw new Error('connect ECONNREFUSED');
      return view === 'never-written' ? undefined : `g${store.generations}`;
    },
  };
  return store;
};

interface FakeTexts extends SharedTexts {
  readonly held: Map<string, string>;
  seconds: number;
  up: boolean;
  fault: Error | undefined;
  late: boolean;
  asked: number;
}

const redis = () => {
  const held = new Map<string, string>();
  const texts: FakeTexts = {
    held,
    seconds: 0,
    up: true,
    fault: undefined,
    late: false,
    asked: 0,
    get: async (keys: readonly string[]) => {
      texts.asked += 1;
      if (texts.fault) throw texts.fault;
      if (texts.late) await new Promise((resolve) => setTimeout(resolve, 200));
      return keys.map((key) => held.get(key) ?? null);
    },
    set: async (more: ReadonlyMap<string, string>, seconds: number) => {
      if (texts.fault) throw texts.fault;
      texts.seconds = seconds;
      for (const [key, text] of more) held.set(key, text);
    },
    connected: () => texts.up,
  };
  return texts;
};

const sceneOf = () => {
  const [store, texts, clock] = [postgres(), redis(), { now: 0 }];
  /** An API process: a memory of its own before what is shared. */
  const api = (environment = 'dev') => {
    const now = () => clock.now;
    const shared = new SharedFeatures({ environment, store, texts, now, answerMs: 20 });
    const cache = new FeatureCache({ store: shared, now, freshMs: 5_000, staleMs: 60_000 });
    const recency = async (entity: string, view = 'v') =>
      (await cache.read(view, [entity])).found.get(entity)?.values.recency_days;
    return { shared, cache, recency };
  };
  return { store, texts, clock, api };
};

describe('features that processes share', () => {
  it('are read from Postgres by one of them, whole, also where nobody knows the entity', async () => {
    const { store, texts, api } = sceneOf();
    const [a, b] = [api(), api()];
    const first = await a.cache.read('v', ['e1', 'nobody']);
    const second = await b.cache.read('v', ['e1', 'nobody']);
    expect(store.reads).toEqual([['e1', 'nobody']]);
    expect(second).toEqual(first);
    expect(second.found.get('e1')).toEqual(row(1));
    expect(b.shared.stats()).toEqual({ hits: 2, misses: 0, failures: 0, refused: 0, hitRate: 1, connected: true });
    expect(a.shared.stats()).toMatchObject({ hits: 0, misses: 2, hitRate: 0 });
    expect(texts.seconds).toBeLessThanOrEqual(60);
  });

  it('are asked of Postgres as far as Redis lacks them', async () => {
    const { store, api } = sceneOf();
    await api().recency('e1');
    const { found } = await api().cache.read('v', ['e2', 'e1', 'e3']);
    expect(store.reads).toEqual([['e1'], ['e2', 'e3']]);
    expect([...found.keys()].sort()).toEqual(['e1', 'e2', 'e3']);
  });

  it('are those of one environment, one view and one entity', async () => {
    const { store, texts, api } = sceneOf();
    await api('dev').recency('e1');
    await api('prod').recency('e1');
    await api('dev').recency('e1', 'w');
    expect(store.reads).toHaveLength(3);
    expect([...texts.held.keys()].map((key) => key.split(':').slice(0, 2).join(':'))).toEqual([
      'perennial:dev',
      'perennial:prod',
      'perennial:dev',
    ]);
  });

  it('are new for everybody after a write, with the notice at once and without it after a second', async () => {
    const { store, clock, api } = sceneOf();
    const [a, b] = [api(), api()];
    expect([await a.recency('e1'), await b.recency('e1')]).toEqual([1, 1]);
    store.write(2);
    a.cache.forget('v');
    expect(await a.recency('e1')).toBe(2);
    // Not heard: b's own memory speaks for five seconds, as it does without Redis, and Redis adds nothing to that.
    expect(await b.recency('e1')).toBe(1);
    clock.now = 1_000;
    expect(await b.recency('e2')).toBe(2);
    clock.now = 5_000;
    expect(await b.recency('e1')).toBe(2);
    b.cache.forget();
    expect(await b.recency('e1')).toBe(2);
    expect(store.reads).toEqual([['e1'], ['e1'], ['e2']]);
  });

  it('never are what was read while others were being written', async () => {
    const { store, api } = sceneOf();
    const [slow, quick] = [api(), api()];
    let letGo = () => {};
    store.held = new Promise((resolve) => {
      letGo = resolve;
    });
    const reading = slow.recency('e1');
    await expect.poll(() => store.reads.length).toBe(1);
    // The materialisation commits, everybody hears it, and only then does the slow one write what it had read before.
    store.write(2);
    for (const { cache } of [slow, quick]) cache.forget('v');
    letGo();
    store.held = Promise.resolve();
    expect(await reading).toBe(1);
    expect([await quick.recency('e1'), await slow.recency('e1')]).toEqual([2, 2]);
    expect(await api().recency('e1')).toBe(2);
  });

  it('do not lie under a generation that was told after they had been read', async () => {
    const { store, texts, api } = sceneOf();
    const a = api();
    let letGo = () => {};
    store.held = new Promise((resolve) => {
      letGo = resolve;
    });
    const reading = a.recency('e1');
    await expect.poll(() => store.reads.length).toBe(1);
    store.write(2);
    a.cache.forget('v');
    const other = a.shared.read('v', ['e2']);
    await expect.poll(() => store.asked).toBe(2);
    letGo();
    await Promise.all([reading, other]);
    const under = [...texts.held].map(([key, text]) => [
      /:(g\d):/.exec(key)?.[1],
      /"recency_days":(\d)/.exec(text)?.[1],
    ]);
    expect(under).toEqual([
      ['g1', '1'],
      ['g2', '2'],
    ]);
  });

  it('are not shared where nobody wrote the view since there are generations', async () => {
    const { texts, api } = sceneOf();
    expect(await api().recency('e1', 'never-written')).toBe(1);
    expect(texts.asked + texts.held.size).toBe(0);
  });
});

describe('a Redis that does not do what it should', () => {
  it('is done without when it is late, counted, and left alone for a second', async () => {
    const { store, texts, clock, api } = sceneOf();
    texts.late = true;
    const { shared, recency } = api();
    const began = performance.now();
    expect(await recency('e1')).toBe(1);
    expect(performance.now() - began).toBeLessThan(150);
    expect([await recency('e2'), await recency('e3')]).toEqual([1, 1]);
    expect([texts.asked, shared.stats().failures]).toEqual([1, 1]);
    texts.late = false;
    clock.now = 1_000;
    expect(await recency('e4')).toBe(1);
    expect([texts.asked, shared.stats().failures, store.reads.length]).toEqual([2, 1, 4]);
  });

  it('is done without when it fails or is not connected', async () => {
    const { store, texts, clock, api } = sceneOf();
    const { shared, recency } = api();
    texts.fault = new Error('READONLY');
    expect(await recency('e1')).toBe(1);
    expect(shared.stats().failures).toBe(1);
    texts.up = false;
    clock.now = 2_000;
    expect(await recency('e2')).toBe(1);
    expect(shared.stats()).toMatchObject({ failures: 1, connected: false });
    expect([store.reads.length, store.asked]).toEqual([2, 1]);
  });

  const good = JSON.stringify({ view: 'v', entity: 'e1', features: row(9) });
  it.each([
    ['garbage', '\u0000\ufffdnot json'],
    ['cut off', good.slice(0, -20)],
    ['of another entity', JSON.stringify({ view: 'v', entity: 'e2', features: row(9) })],
    ['of another view', JSON.stringify({ view: 'w', entity: 'e1', features: row(9) })],
    ['of another shape', JSON.stringify({ view: 'v', entity: 'e1', features: { ...row(9), more: 1 } })],
    ['with a value that is none', good.replace('9', '{"$gt":0}')],
    ['without its time', good.replace('2025-05-01T00:00:00.000Z', 'yesterday')],
    ['empty', ''],
  ])('is not believed: %s', async (_what, poison) => {
    const { store, texts, api } = sceneOf();
    const key = 'perennial:dev:features:g1:v\ne1';
    texts.held.set(key, poison);
    const { shared, recency } = api();
    expect(await recency('e1')).toBe(1);
    expect(shared.stats()).toMatchObject({ hits: 0, refused: 1, failures: 0 });
    expect(store.reads).toHaveLength(1);
    // It was overwritten by what is right.
    expect(await api().recency('e1')).toBe(1);
    expect(store.reads).toHaveLength(1);
  });

  it('would be believed if the text were right: what is refused above is refused for its fault', async () => {
    const { texts, api } = sceneOf();
    texts.held.set('perennial:dev:features:g1:v\ne1', good);
    expect(await api().recency('e1')).toBe(9);
    const old = { view: 'v', entity: 'e2', features: { ...row(9), expired: true } };
    texts.held.set('perennial:dev:features:g1:v\ne2', JSON.stringify(old));
    expect((await api().cache.read('v', ['e2'])).found.get('e2')).toEqual(old.features);
  });
});

it('what is old is still said to be old while Postgres is away, whatever Redis holds', async () => {
  const { store, clock, api } = sceneOf();
  const { cache } = api();
  await cache.read('v', ['e1']);
  store.down = true;
  clock.now = 6_000;
  const { found, stale } = await cache.read('v', ['e1']);
  expect([found.get('e1')?.values.recency_days, stale.has('e1')]).toEqual([1, true]);
  await expect(api().cache.read('v', ['e1'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
