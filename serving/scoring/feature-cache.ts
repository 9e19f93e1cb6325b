// Features in memory in front of the online store: bounded, fresh for seconds, forgotten when a view was materialised. While Postgres is
// away, what was read before still answers, marked as stale. Reads that come in one turn of the event loop become one query.
import { LRUCache } from 'lru-cache';
import { PerennialError } from '../../core/errors.ts';
import { inTime } from '../in-time.ts';
import type { OnlineFeatures, OnlineStore } from '../ports.ts';
import type { SharedStats } from './shared-features.ts';

export interface FeatureReading {
  /** Entities that are known; the others are absent. */
  readonly found: ReadonlyMap<string, OnlineFeatures>;
  /** Entities of which nothing newer than the cache's memory could be read. */
  readonly stale: ReadonlySet<string>;
}

export interface CacheStats {
  /** Entities in memory. */
  readonly size: number;
  readonly hits: number;
  readonly misses: number;
  /** Answers given from memory because Postgres was away. */
  readonly stale: number;
  /** Of all entities that were asked for; 0 before the first. */
  readonly hitRate: number;
}

export interface CacheReadings {
  readonly cache?: () => CacheStats;
  /** Of the layer that processes share; absent where there is none. */
  readonly shared?: () => SharedStats;
}

export interface FeatureReader {
  read(view: string, entities: readonly string[]): Promise<FeatureReading>;
}

export interface FeatureCacheOptions {
  /** `forget`: it has a memory of its own, which hears of it too. */
  readonly store: Pick<OnlineStore, 'read'> & { forget?(view?: string): void };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly maxEntries?: number;
  /** How long what was read counts as current, even if no notice came. */
  readonly freshMs?: number;
  /** How long it may speak for an entity while Postgres is away. */
  readonly staleMs?: number;
  /** How long the store may take before it counts as away. */
  readonly storeMs?: number;
}

const MAX_ENTRIES = 100_000;
const FRESH_MS = 5_000;
const STALE_MS = 3_600_000;
const STORE_MS = 2_000;
/** After a failure, those who are remembered are answered from memory this long, without asking the store again. */
const SPARED_MS = 1_000;
/** Entities in one query at most. */
const MAX_QUERY = 1_000;

interface Entry {
  /** Null: nobody knows this entity. */
  readonly features: OnlineFeatures | null;
  readonly readAt: number;
  /** How often the view had been forgotten when the read began. */
  readonly epoch: number;
}

type Found = ReadonlyMap<string, OnlineFeatures>;

/** Reads of one view that wait for the end of this turn. */
interface Gathering {
  readonly entities: Set<string>;
  readonly result: Promise<Found>;
}

export class FeatureCache implements FeatureReader {
  private readonly options: FeatureCacheOptions;
  private readonly entries: LRUCache<string, Entry>;
  private readonly gathering = new Map<string, Gathering>();
  private readonly epochs = new Map<string, number>();
  private everything = 0;
  private sparedUntil = 0;
  private counts = { hits: 0, misses: 0, stale: 0 };

  constructor(options: FeatureCacheOptions) {
    this.options = options;
    this.entries = new LRUCache({ max: options.maxEntries ?? MAX_ENTRIES });
  }

  /** @throws PerennialError UNAVAILABLE where the store does not answer and the memory holds nothing young enough. */
  async read(view: string, entities: readonly string[]): Promise<FeatureReading> {
    const found = new Map<string, OnlineFeatures>();
    const missing = new Set(entities.filter((entity) => !this.fromMemory(view, entity, found)));
    this.counts.hits += entities.length - missing.size;
    this.counts.misses += missing.size;
    if (missing.size === 0) return { found, stale: missing };
    if (this.options.now() < this.sparedUntil && this.fromOldMemory(view, missing, found))
      return { found, stale: missing };
    try {
      const read = await this.query(view, [...missing]);
      for (const entity of missing) {
        const features = read.get(entity);
        if (features) found.set(entity, features);
      }
      return { found, stale: new Set() };
    } catch (cause) {
      this.sparedUntil = this.options.now() + SPARED_MS;
      if (this.fromOldMemory(view, missing, found)) return { found, stale: missing };
      throw unavailable(cause);
    }
  }

  /** What was read of the view (of all views, without one) is no longer current; it may still answer while Postgres is away. */
  forget(view?: string): void {
    if (view === undefined) this.everything += 1;
    else this.epochs.set(view, (this.epochs.get(view) ?? 0) + 1);
    this.options.store.forget?.(view);
  }

  cacheStats(): CacheStats {
    const { hits, misses, stale } = this.counts;
    const asked = hits + misses;
    return { size: this.entries.size, hits, misses, stale, hitRate: asked === 0 ? 0 : hits / asked };
  }

  private fromMemory(view: string, entity: string, found: Map<string, OnlineFeatures>): boolean {
    const entry = this.entries.get(keyOf(view, entity));
    const { now, freshMs = FRESH_MS } = this.options;
    if (!entry || entry.epoch !== this.epoch(view) || now() - entry.readAt >= freshMs) return false;
    if (entry.features) found.set(entity, entry.features);
    return true;
  }

  /** All of them or, where one is not remembered or for too long, none. */
  private fromOldMemory(view: string, entities: ReadonlySet<string>, found: Map<string, OnlineFeatures>): boolean {
    const { now, staleMs = STALE_MS } = this.options;
    const entries = [...entities].map((entity) => [entity, this.entries.get(keyOf(view, entity))] as const);
    if (!entries.every(([, entry]) => entry && now() - entry.readAt < staleMs)) return false;
    for (const [entity, entry] of entries) if (entry?.features) found.set(entity, entry.features);
    this.counts.stale += entities.size;
    return true;
  }

  private async query(view: string, entities: readonly string[]): Promise<Found> {
    if (entities.length > 1) return this.fetch(view, entities);
    const [entity = ''] = entities;
    let gathering = this.gathering.get(view);
    if (!gathering || gathering.entities.size >= MAX_QUERY) {
      gathering = this.gather(view);
      this.gathering.set(view, gathering);
    }
    gathering.entities.add(entity);
    return gathering.result;
  }

  private gather(view: string): Gathering {
    const entities = new Set<string>();
    const turn = new Promise<void>((resolve) => setImmediate(resolve));
    const gathering: Gathering = {
      entities,
      result: turn.then(() => {
        if (this.gathering.get(view) === gathering) this.gathering.delete(view);
        return this.fetch(view, [...entities]);
      }),
    };
    return gathering;
  }

  private async fetch(view: string, entities: readonly string[]): Promise<Found> {
    const epoch = this.epoch(view);
    const { store, storeMs = STORE_MS } = this.options;
    const found = await inTime(
      storeMs,
      store.read(view, entities),
      () => new Error(`The store took longer than ${storeMs} ms`),
    );
    const readAt = this.options.now();
    for (const entity of entities)
      this.entries.set(keyOf(view, entity), { features: found.get(entity) ?? null, readAt, epoch });
    return found;
  }

  private epoch(view: string): number {
    return this.everything + (this.epochs.get(view) ?? 0);
  }
}

/** No memory: each read asks the store. */
export const withoutCache = (store: Pick<OnlineStore, 'read'>): FeatureReader => ({
  read: async (view, entities) => {
    const found = await store.read(view, entities).catch((cause: unknown) => {
      throw unavailable(cause);
    });
    return { found, stale: new Set() };
  },
});

const keyOf = (view: string, entity: string): string => `${view}\n${entity}`;

export const unavailable = (cause: unknown): PerennialError =>
  new PerennialError('UNAVAILABLE', 'The online store does not answer', {
    field: 'postgres',
    mend: 'Try again',
    cause,
  });
