// What the API processes of one environment share in Redis, between the memory of each and Postgres. Nothing depends on it: away, slow or
// wrong, it is as if it were not there.
//
// A text lies under the view's generation, which Postgres gives anew in each transaction that changes rows and which a promotion moves.
// It is asked BEFORE the rows are read: rows that were read while others were being written land under the old generation, where nobody
// looks any more. It is asked again after a second at the latest, so a notice that was lost delays, and does no harm; and Redis itself
// keeps nothing that it could lose.
import { z } from 'zod';
import { inTime } from '../in-time.ts';
import type { OnlineFeatures, OnlineStore } from '../ports.ts';

/** Texts by key, kept for others. */
export interface SharedTexts {
  /** In the order of the keys; null: not there. */
  get(keys: readonly string[]): Promise<readonly (string | null)[]>;
  set(texts: ReadonlyMap<string, string>, seconds: number): Promise<void>;
  connected(): boolean;
}

export interface SharedStats {
  readonly hits: number;
  readonly misses: number;
  /** Reads and writes that failed or came too late. */
  readonly failures: number;
  /** Texts that were not what we write. */
  readonly refused: number;
  /** Of the entities that it was asked for; 0 before the first. */
  readonly hitRate: number;
  readonly connected: boolean;
}

export interface SharedFeaturesOptions {
  readonly environment: string;
  readonly store: Pick<OnlineStore, 'read'> & { generation(view: string): Promise<string | undefined> };
  readonly texts: SharedTexts;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long Redis may take. */
  readonly answerMs?: number;
  /** How long a generation counts as the present one, even if no notice came. */
  readonly generationMs?: number;
  readonly keepSeconds?: number;
}

const ANSWER_MS = 30;
const GENERATION_MS = 1_000;
const KEEP_SECONDS = 60;
/** After a failure Redis is left alone for so long. */
const SPARED_MS = 1_000;

type Found = ReadonlyMap<string, OnlineFeatures>;

interface Generation {
  readonly name: Promise<string | undefined>;
  readonly askedAt: number;
}

export class SharedFeatures {
  private readonly options: SharedFeaturesOptions;
  private readonly generations = new Map<string, Generation>();
  private sparedUntil = 0;
  private counts = { hits: 0, misses: 0, failures: 0, refused: 0 };

  constructor(options: SharedFeaturesOptions) {
    this.options = options;
  }

  /** Entities that are known; the others are absent. Only what Redis does not hold is asked of the store. */
  async read(view: string, entities: readonly string[]): Promise<Found> {
    const generation = await this.generation(view);
    if (generation === undefined) return this.options.store.read(view, entities);
    const shared = await this.recall(generation, view, entities);
    const rest = entities.filter((entity) => !shared.has(entity));
    const read = rest.length === 0 ? NOBODY : await this.options.store.read(view, rest);
    if (rest.length > 0) void this.keep(generation, view, rest, read);
    const found = new Map(read);
    for (const [entity, features] of shared) if (features) found.set(entity, features);
    return found;
  }

  /** The generation of the view (of all views, without one) is asked anew. */
  forget(view?: string): void {
    if (view === undefined) this.generations.clear();
    else this.generations.delete(view);
  }

  stats(): SharedStats {
    const { hits, misses } = this.counts;
    const asked = hits + misses;
    return { ...this.counts, hitRate: asked === 0 ? 0 : hits / asked, connected: this.options.texts.connected() };
  }

  /** Undefined: Redis is not to be used this time. */
  private async generation(view: string): Promise<string | undefined> {
    const { store, texts, now, generationMs = GENERATION_MS } = this.options;
    if (now() < this.sparedUntil || !texts.connected()) return undefined;
    let generation = this.generations.get(view);
    if (!generation || now() - generation.askedAt >= generationMs) {
      generation = { name: store.generation(view), askedAt: now() };
      this.generations.set(view, generation);
    }
    try {
      return await generation.name;
    } catch {
      // Postgres is away, or says so in a moment when it is asked for the rows.
      if (this.generations.get(view) === generation) this.generations.delete(view);
      this.counts.failures += 1;
      return undefined;
    }
  }

  /** What Redis holds: null for an entity that nobody knows. */
  private async recall(generation: string, view: string, entities: readonly string[]) {
    const held = new Map<string, OnlineFeatures | null>();
    const keys = entities.map((entity) => this.key(generation, view, entity));
    const texts = await this.inTime(this.options.texts.get(keys));
    for (const [i, entity] of entities.entries()) {
      const text = texts?.[i] ?? null;
      const features = text === null ? undefined : featuresIn(text, view, entity);
      if (features !== undefined) held.set(entity, features);
      else if (text !== null) this.counts.refused += 1;
    }
    if (texts) {
      this.counts.hits += held.size;
      this.counts.misses += entities.length - held.size;
    }
    return held;
  }

  /** Nobody waits for it. */
  private async keep(generation: string, view: string, entities: readonly string[], read: Found): Promise<void> {
    if (this.options.now() < this.sparedUntil) return;
    const texts = entities.map((entity): [string, string] => [
      this.key(generation, view, entity),
      textOf(view, entity, read.get(entity) ?? null),
    ]);
    await this.inTime(this.options.texts.set(new Map(texts), this.options.keepSeconds ?? KEEP_SECONDS));
  }

  /** Undefined where Redis failed or was late: it is counted, and Redis spared for a while. */
  private async inTime<T>(work: Promise<T>): Promise<T | undefined> {
    const { now, answerMs = ANSWER_MS } = this.options;
    try {
      return await inTime(answerMs, work, () => new Error(`Redis took longer than ${answerMs} ms`));
    } catch {
      this.counts.failures += 1;
      this.sparedUntil = now() + SPARED_MS;
      return undefined;
    }
  }

  private key(generation: string, view: string, entity: string): string {
    return `perennial:${this.options.environment}:features:${generation}:${view}\n${entity}`;
  }
}

const NOBODY: Found = new Map();

// It names whom it is about: a text under another's key is none.
const Kept = z.strictObject({
  view: z.string(),
  entity: z.string(),
  features: z
    .strictObject({
      values: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
      eventTime: z.iso.datetime(),
      knownAt: z.iso.datetime(),
      expired: z.literal(true).optional(),
    })
    .nullable(),
});

const textOf = (view: string, entity: string, features: OnlineFeatures | null): string => {
  const { values, eventTime, knownAt, expired } = features ?? {};
  return JSON.stringify({ view, entity, features: features && { values, eventTime, knownAt, expired } });
};

/** Undefined: this is nothing that we wrote of this entity. */
const featuresIn = (text: string, view: string, entity: string): OnlineFeatures | null | undefined => {
  const kept = Kept.safeParse(parsed(text));
  return kept.success && kept.data.view === view && kept.data.entity === entity ? kept.data.features : undefined;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
