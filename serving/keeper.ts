// Keeps the champion of each model in memory and swaps it while requests go on: the new one is loaded beside the old one and tried;
// one that fails is refused and the last good one stays, as long as whoever vouched for it is trusted.
import { PerennialError } from '../core/errors.ts';
import { inTime } from './in-time.ts';
import type { Champion, LoadedModel, Log, ModelSource, ServedModel } from './ports.ts';

export interface Refusal {
  readonly version: number;
  readonly reason: string;
  readonly at: string;
}

export interface ModelState extends ServedModel {
  readonly loaded?: Pick<Champion, 'version' | 'packageSha256'> & { readonly signedBy: string; readonly since: string };
  readonly refused?: Refusal;
  /** Why the registry could not be asked last time, if it could not. */
  readonly trouble?: string;
}

export interface KeeperOptions {
  readonly models: readonly ServedModel[];
  readonly source: ModelSource;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds a package may take to load and to pass its trial. */
  readonly loadMs?: number;
}

/** What a request may hold on to: it stays open until it is given back. */
interface Held extends Champion {
  readonly model: LoadedModel;
  readonly since: string;
  users: number;
  retired: boolean;
}

interface Slot {
  readonly served: ServedModel;
  held: Held | undefined;
  refused:
    | (Refusal & {
        readonly packageSha256: string;
        readonly tries: number;
        readonly again: number;
        /** Nobody of standing vouches for it. */
        readonly untrusted: boolean;
      })
    | undefined;
  trouble: string | undefined;
  busy: Promise<void> | undefined;
}

const LOAD_MS = 30_000;
const LONGEST_PAUSE_MS = 60_000;

export class ModelKeeper {
  private readonly slots: ReadonlyMap<string, Slot>;
  private readonly options: KeeperOptions;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: KeeperOptions) {
    this.options = options;
    const empty = { held: undefined, refused: undefined, trouble: undefined, busy: undefined };
    this.slots = new Map(options.models.map((served) => [served.name, { served, ...empty }]));
  }

  /** Looks for new champions now and every `everyMs`. Resolves after the first look. */
  async start(everyMs = 1_000): Promise<void> {
    await this.look();
    this.timer = setInterval(() => void this.look(), everyMs).unref();
  }

  /** Looks once; a model that is being looked at already is left alone. Never rejects: trouble is a state, not an error. */
  async look(): Promise<void> {
    await Promise.all(
      [...this.slots.values()].map((slot) => {
        slot.busy ??= this.refresh(slot).finally(() => {
          slot.busy = undefined;
        });
        return slot.busy;
      }),
    );
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    for (const slot of this.slots.values()) {
      await slot.busy;
      if (slot.held) await retire(slot.held);
      slot.held = undefined;
    }
  }

  /** Runs `work` on the model that answers now; it is not closed before `work` ends. */
  async use<T>(name: string, work: (model: LoadedModel, champion: Champion) => Promise<T>): Promise<T> {
    const held = this.slot(name).held;
    if (!held) throw notLoaded(this.slot(name));
    held.users += 1;
    try {
      return await work(held.model, held);
    } finally {
      held.users -= 1;
      if (held.retired && held.users === 0) await held.model.close();
    }
  }

  /** Where a name leads. @throws PerennialError UNKNOWN_NAME */
  served(name: string): ServedModel {
    return this.slot(name).served;
  }

  /** Whose answers may be told, were they made elsewhere: the loaded version or, where none is, a champion that is trusted and broken. */
  standing(name: string): { readonly speaker?: Champion; readonly why?: string } {
    const { held, refused } = this.slot(name);
    if (held) return { speaker: held };
    return refused && !refused.untrusted ? { speaker: refused, why: refused.reason } : {};
  }

  states(): readonly (ModelState & { readonly model?: LoadedModel })[] {
    return [...this.slots.values()].map(({ served, held, refused, trouble }) => ({
      ...served,
      ...(held && {
        loaded: {
          version: held.version,
          packageSha256: held.packageSha256,
          signedBy: held.model.signedBy,
          since: held.since,
        },
        model: held.model,
      }),
      ...(refused && { refused: { version: refused.version, reason: refused.reason, at: refused.at } }),
      ...(trouble !== undefined && { trouble }),
    }));
  }

  private slot(name: string): Slot {
    const slot = this.slots.get(name);
    if (slot) return slot;
    const mend = `Choose one of ${[...this.slots.keys()].join(', ')}`;
    throw new PerennialError('UNKNOWN_NAME', 'No such model', { field: 'model', value: name, mend });
  }

  private async refresh(slot: Slot): Promise<void> {
    const { source, log } = this.options;
    try {
      const champion = await source.champion(slot.served.registered);
      slot.trouble = undefined;
      if (champion && this.isNews(slot, champion)) await this.bring(slot, champion);
      await this.dropUntrusted(slot);
    } catch (error) {
      const trouble = reasonOf(error);
      if (slot.trouble === undefined) log.warn({ model: slot.served.name, trouble }, 'The registry does not answer');
      slot.trouble = trouble;
    }
  }

  /** A model whose key was revoked while it answered, or while answers made ahead spoke for it, answers no more. */
  private async dropUntrusted(slot: Slot): Promise<void> {
    const { held, refused, served } = slot;
    const speaker = held ?? (refused?.untrusted ? undefined : refused);
    if (!speaker) return;
    try {
      await this.options.source.trusted(served.registered, speaker);
    } catch (error) {
      if (!(error instanceof PerennialError && error.code === 'NOT_TRUSTED')) throw error;
      slot.held = undefined;
      this.refuse(slot, speaker, error);
      if (held) await retire(held);
    }
  }

  private isNews({ held, refused }: Slot, champion: Champion): boolean {
    if (held && same(held, champion)) return false;
    return !(refused && same(refused, champion)) || this.options.now() >= refused.again;
  }

  private async bring(slot: Slot, champion: Champion): Promise<void> {
    const { source, log, now, loadMs = LOAD_MS } = this.options;
    const { name, registered } = slot.served;
    try {
      const model = await loadedInTime(loadMs, source.load(registered, champion).then(tried));
      const before = slot.held;
      const { version, packageSha256 } = champion;
      slot.held = { version, packageSha256, model, since: new Date(now()).toISOString(), users: 0, retired: false };
      slot.refused = undefined;
      log.info({ model: name, version, before: before?.version }, 'A new champion answers');
      if (before) await retire(before);
    } catch (error) {
      this.refuse(slot, champion, error);
    }
  }

  /** What cannot change (a wrong hash, NaN) is tried again only when another version is promoted; the rest with growing pauses. */
  private refuse(slot: Slot, { version, packageSha256 }: Champion, error: unknown): void {
    const { log, now } = this.options;
    const reason = reasonOf(error);
    const tries = slot.refused && same(slot.refused, { version, packageSha256 }) ? slot.refused.tries + 1 : 1;
    const hopeless = error instanceof PerennialError && error.hopeless;
    const again = hopeless ? Number.POSITIVE_INFINITY : now() + Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** tries);
    const untrusted = error instanceof PerennialError && error.code === 'NOT_TRUSTED';
    slot.refused = { version, packageSha256, reason, at: new Date(now()).toISOString(), tries, again, untrusted };
    log.warn({ model: slot.served.name, version, reason, stays: slot.held?.version }, 'A champion was refused');
  }
}

const same = (a: Champion, b: Champion): boolean => a.version === b.version && a.packageSha256 === b.packageSha256;

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Scores the population and an empty row: a model that cannot answer those must never get a request. */
const tried = async (model: LoadedModel): Promise<LoadedModel> => {
  for (const [field, row] of Object.entries({ population: model.population, 'empty row': {} })) {
    const value = await model.score(row).catch(async (cause: unknown) => {
      await model.close();
      throw new PerennialError('CONTRACT_BROKEN', `The model fails its trial: ${reasonOf(cause)}`, { field, cause });
    });
    if (value >= 0 && value <= 1) continue;
    await model.close();
    throw new PerennialError('CONTRACT_BROKEN', 'The model answers no probability', { field, value: String(value) });
  }
  return model;
};

/** Gives up after `ms`; a model that arrives later is closed. */
const loadedInTime = (ms: number, loading: Promise<LoadedModel>): Promise<LoadedModel> => {
  let late = false;
  // Nobody waits for a late one any more: whatever becomes of it, it must not stay open or crash the server.
  const unwanted = () => undefined;
  loading.then((model) => (late ? model.close() : undefined), unwanted).catch(unwanted);
  return inTime(ms, loading, () => {
    late = true;
    return new PerennialError('UNAVAILABLE', `The package took longer than ${ms} ms to load`);
  });
};

const retire = async (held: Held): Promise<void> => {
  held.retired = true;
  if (held.users === 0) await held.model.close();
};

const notLoaded = ({ served, refused, trouble }: Slot): PerennialError => {
  const why = refused?.reason ?? trouble ?? 'no version holds the alias champion';
  return new PerennialError('UNAVAILABLE', `No version of ${served.name} is loaded: ${why}`, {
    field: 'model',
    value: served.name,
    mend: 'Promote a version, or see /health',
  });
};
