// How often a principal may ask in a minute, over all processes together. Each process takes its requests in blocks from a counter
// in Postgres, ahead of need, so that a request hardly ever waits for it; a block counts as used once it is taken, so that no number of
// processes exceeds the limit. While Postgres does not answer, each process counts for itself.
import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import { inTime } from '../in-time.ts';
import { inTurn, type MaybeLater } from '../in-turn.ts';

export interface Allowance {
  readonly granted: boolean;
  readonly limit: number;
  /** As far as this process knows. */
  readonly remaining: number;
  /** Until the minute ends. */
  readonly resetSeconds: number;
}

export interface Limiter {
  /** Counts one request; at once, where this process has some left. */
  take(whose: string): MaybeLater<Allowance>;
}

/** A counter of what was taken in the present minute. */
export interface Counter {
  /** Adds `points` at once; what the counter says with them added. */
  add(whose: string, points: number): Promise<{ readonly total: number; readonly endsAt: number }>;
}

export interface LimiterOptions {
  /** Requests a minute. */
  readonly limit: number;
  readonly shared: Counter;
  /** Counts where the shared counter does not answer. */
  readonly own?: Counter;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds to wait for the shared counter. */
  readonly waitMs?: number;
  readonly onOutage?: (error: unknown) => void;
}

interface Lease {
  /** Requests that may still be answered without asking the counter. */
  left: number;
  /** As many are taken from the counter next time. */
  block: number;
  /** Taken from the counter by all processes, as this one saw it last. */
  total: number;
  endsAt: number;
  asking: Promise<void> | undefined;
}

const MINUTE_SECONDS = 60;
const WAIT_MS = 250;
/** Shares of the limit: the first block, and of what is left the largest. Whoever asks much is counted less often, until little is left. */
const FIRST_BLOCK = 1 / 100;
const LARGEST_BLOCK = 1 / 20;
/** For this long after it failed, the shared counter is not asked again. */
const REST_MS = 2_000;
const MOST_PRINCIPALS = 50_000;

export class BlockLimiter implements Limiter {
  private readonly options: Required<Pick<LimiterOptions, 'own' | 'waitMs'>> & LimiterOptions;
  private readonly leases = new LRUCache<string, Lease>({ max: MOST_PRINCIPALS });
  private restUntil = 0;

  constructor(options: LimiterOptions) {
    this.options = { own: memoryCounter(), waitMs: WAIT_MS, ...options };
  }

  take(whose: string): MaybeLater<Allowance> {
    return this.from(whose, this.leaseOf(whose));
  }

  private from(whose: string, lease: Lease): MaybeLater<Allowance> {
    if (lease.left === 0 && lease.total < this.options.limit)
      return inTurn(this.refill(whose, lease), () => this.from(whose, lease));
    if (lease.left === 0) return this.answer(lease, false);
    lease.left -= 1;
    // Little is left: the next block is fetched while this is used.
    if (lease.left * 4 < lease.block && lease.total < this.options.limit) void this.refill(whose, lease);
    return this.answer(lease, true);
  }

  private leaseOf(whose: string): Lease {
    const known = this.leases.get(whose);
    if (known && (known.endsAt > this.options.now() || known.asking)) return known;
    const block = whole(this.options.limit * FIRST_BLOCK);
    const fresh: Lease = { left: 0, block, total: 0, endsAt: 0, asking: undefined };
    this.leases.set(whose, fresh);
    return fresh;
  }

  private refill(whose: string, lease: Lease): Promise<void> {
    lease.asking ??= this.ask(whose, lease).finally(() => {
      lease.asking = undefined;
    });
    return lease.asking;
  }

  private async ask(whose: string, lease: Lease): Promise<void> {
    const { limit, now } = this.options;
    const { block } = lease;
    const { total, endsAt } = await this.counted(whose, block);
    // Of the last block only what is within the limit.
    const granted = Math.max(0, Math.min(block, limit - (total - block)));
    // Another minute began: what was left of the last one is gone.
    const left = endsAt > lease.endsAt && lease.endsAt <= now() ? 0 : lease.left;
    const next = whole(Math.min(2 * block, (limit - total) * LARGEST_BLOCK));
    Object.assign(lease, { left: left + granted, block: next, total: Math.min(total, limit), endsAt });
  }

  private async counted(whose: string, points: number): Promise<Awaited<ReturnType<Counter['add']>>> {
    const { shared, own, now, waitMs, onOutage } = this.options;
    if (now() < this.restUntil) return own.add(whose, points);
    try {
      return await inTime(waitMs, shared.add(whose, points), () => new Error(`no answer within ${waitMs} ms`));
    } catch (error) {
      this.restUntil = now() + REST_MS;
      onOutage?.(error);
      return own.add(whose, points);
    }
  }

  private answer({ left, total, endsAt }: Lease, granted: boolean): Allowance {
    const { limit, now } = this.options;
    const resetSeconds = Math.max(1, Math.ceil((endsAt - now()) / 1_000));
    return { granted, limit, remaining: Math.max(0, limit - total) + left, resetSeconds };
  }
}

const whole = (points: number): number => Math.max(1, Math.floor(points));

// Its own limit is set out of reach: what is over the limit is reckoned here, from the counter.
const POINTS = 2_000_000_000;

/** Counts in this process alone. */
export const memoryCounter = (): Counter =>
  counterOf(new RateLimiterMemory({ points: POINTS, duration: MINUTE_SECONDS, keyPrefix: '' }));

/** Counts in `rate_limits` of the pool's schema. */
export const postgresCounter = (pool: Pool): Counter =>
  counterOf(
    new RateLimiterPostgres({
      storeClient: pool,
      storeType: 'pool',
      tableName: 'rate_limits',
      tableCreated: true,
      points: POINTS,
      duration: MINUTE_SECONDS,
      keyPrefix: '',
    }),
  );

const counterOf = (limiter: RateLimiterMemory | RateLimiterPostgres): Counter => ({
  add: async (whose, points) => {
    // At most 255 characters are kept.
    const result = await limiter.consume(whose.slice(0, 200), points);
    if (result instanceof RateLimiterRes)
      return { total: result.consumedPoints, endsAt: Date.now() + result.msBeforeNext };
    throw new Error('The counter gave no answer');
  },
});
