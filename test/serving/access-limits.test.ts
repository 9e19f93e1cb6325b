// How often a principal may ask: never more than the limit whatever the number of processes, and never in anybody's way without need.
import { describe, expect, it } from 'vitest';
import { BlockLimiter, type Counter, memoryCounter } from '../../serving/access/limits.ts';
import { fakeAccess } from './fake-access.ts';
import { fakeApp } from './fakes.ts';

const START = Date.parse('2025-05-02T10:00:00Z');

/** A counter of a minute that begins with the first request, as the shared one is; `asked` counts its calls. */
const counterAt = (now: () => number) => {
  const kept = new Map<string, { total: number; endsAt: number }>();
  const counter = {
    asked: 0,
    down: false,
    add: async (whose: string, points: number) => {
      counter.asked += 1;
      if (counter.down) throw new Error('connect ECONNREFUSED');
      const found = kept.get(whose);
      const fresh = !found || found.endsAt <= now();
      const next = fresh ? { total: points, endsAt: now() + 60_000 } : { ...found, total: found.total + points };
      kept.set(whose, next);
      return next;
    },
  };
  return counter;
};

const grants = async (limiters: readonly BlockLimiter[], requests: number, whose = 'key:1'): Promise<number> => {
  let granted = 0;
  const one = async (i: number) => {
    const { granted: good } = (await limiters[i % limiters.length]?.take(whose)) ?? { granted: false };
    if (good) granted += 1;
  };
  await Promise.all(Array.from({ length: requests }, (_, i) => one(i)));
  return granted;
};

describe('a limit', () => {
  it.each([
    [1, 1_000],
    [2, 1_000],
    [7, 1_000],
    [3, 1],
    [3, 17],
    [2, 999],
    [4, 12_345],
  ])('over %i processes of %i a minute is never exceeded, and hardly less', async (processes, limit) => {
    const shared = counterAt(() => START);
    const limiters = Array.from({ length: processes }, () => new BlockLimiter({ limit, shared, now: () => START }));
    const granted = await grants(limiters, limit * 2);
    expect(granted).toBeLessThanOrEqual(limit);
    expect(granted).toBeGreaterThanOrEqual(limit - processes * Math.max(1, Math.floor(limit / 100)) + 1);
    expect(shared.asked).toBeLessThanOrEqual(101 + 2 * processes + limit / Math.max(1, Math.floor(limit / 100)));
  });

  it('begins anew with the next minute, and what was left of the last one is gone', async () => {
    let now = START;
    const limiter = new BlockLimiter({ limit: 100, shared: counterAt(() => now), now: () => now });
    expect(await grants([limiter], 150)).toBe(100);
    const refused = await limiter.take('key:1');
    expect(refused).toEqual({ granted: false, limit: 100, remaining: 0, resetSeconds: 60 });
    now += 59_000;
    expect((await limiter.take('key:1')).resetSeconds).toBe(1);
    now += 1_000;
    expect(await grants([limiter], 150)).toBe(100);
  });

  it('is each principal’s own', async () => {
    const limiter = new BlockLimiter({ limit: 10, shared: counterAt(() => START), now: () => START });
    expect(await grants([limiter], 20, 'key:1')).toBe(10);
    expect(await grants([limiter], 20, 'key:2')).toBe(10);
  });

  it('is kept by each process alone while the shared counter is away, and the counter is left in peace', async () => {
    let now = START;
    const shared = counterAt(() => now);
    shared.down = true;
    const outages: unknown[] = [];
    const own = counterAt(() => now);
    const limiter = new BlockLimiter({
      limit: 100,
      shared,
      own,
      now: () => now,
      onOutage: (error) => outages.push(error),
    });
    expect(await grants([limiter], 150)).toBe(100);
    expect([shared.asked, outages.length]).toEqual([1, 1]);
    shared.down = false;
    now += 60_000;
    expect(await grants([limiter], 150)).toBe(100);
    expect(shared.asked).toBeGreaterThan(10);
  });

  it('does not wait long for a counter that hangs', async () => {
    const hanging: Counter = { add: () => new Promise(() => undefined) };
    const limiter = new BlockLimiter({ limit: 100, shared: hanging, own: memoryCounter(), now: Date.now, waitMs: 1 });
    expect(await grants([limiter], 120)).toBe(100);
  });
});

describe('over HTTP', () => {
  it('counts down in the headers, then answers 429 with the time to wait, and takes no header’s word for who asks', async () => {
    const { app } = await fakeApp({ access: fakeAccess({ limit: 3 }) });
    const ask = (i: number) =>
      app.inject({
        url: '/predict/propensity/123',
        headers: { 'x-forwarded-for': `10.0.0.${i}`, 'x-real-ip': `10.0.0.${i}`, forwarded: `for=10.0.0.${i}` },
      });
    const seen: unknown[] = [];
    for (const i of [1, 2, 3]) {
      const { statusCode, headers } = await ask(i);
      seen.push([statusCode, headers['ratelimit-limit'], headers['ratelimit-remaining'], headers['ratelimit-policy']]);
    }
    expect(seen).toEqual([
      [200, '3', '2', '3;w=60'],
      [200, '3', '1', '3;w=60'],
      [200, '3', '0', '3;w=60'],
    ]);
    const late = await ask(4);
    expect(late.statusCode).toBe(429);
    expect(late.headers['content-type']).toContain('application/problem+json');
    expect(Number(late.headers['retry-after'])).toBeGreaterThan(0);
    expect(late.headers['retry-after']).toBe(late.headers['ratelimit-reset']);
    expect(late.json()).toMatchObject({ status: 429, type: 'urn:perennial:problem:429' });
    expect((await app.inject('/health')).statusCode).toBe(200);
  });

  it('counts whoever tries credentials by his address', async () => {
    const { app } = await fakeApp({ access: fakeAccess({ limit: 3, anonymousRoles: [] }) });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      statuses.push((await app.inject({ url: '/models', headers: { authorization: `Bearer guess-${i}` } })).statusCode);
    }
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
  });
});
