// What a feature view promises: facts about an entity as of a moment, computed from nothing at or after that moment; and the nouns
// around it: whom it describes, which sets of its features go together, and views that are folded from a stream of events.
import type { FeatureValue } from './feature-value.ts';
import type { TableName } from './table.ts';

export interface Feature {
  readonly name: string;
  readonly kind: 'numeric' | 'categorical';
  readonly description: string;
}

/** Whom features describe. */
export interface Entity {
  readonly name: string;
  /** The column that names one of them, in every table and request. */
  readonly joinKey: string;
  readonly description: string;
  readonly owner: string;
}

/** The table has one row per (entity, `as_of`); its SQL reads the moments from `getvariable('cuts')`, a list of timestamps. */
export interface FeatureView {
  readonly name: string;
  readonly table: TableName;
  /** Join key of the entity it describes. */
  readonly entity: string;
  readonly features: readonly Feature[];
  /** Column of the table with the time at which the newest fact behind a row was ingested. */
  readonly knownAt?: string;
  /**
   * How long a row speaks for its entity, counted back from the moment that is asked about; without one, for ever. Online that moment is
   * the newest one materialised of the view (of a fold: pushed), not the clock: see `PostgresOnlineStore.read`.
   */
  readonly ttlDays?: number;
  readonly description?: string;
  readonly owner?: string;
  readonly tags?: readonly string[];
}

/** A named set of features that go together: a model version records the one it was trained with. */
export interface FeatureService {
  readonly name: string;
  readonly description: string;
  readonly owner: string;
  /** Name of the view they come from. */
  readonly view: string;
  readonly features: readonly string[];
}

/**
 * A view that is carried along a stream of events instead of computed by a table's SQL: pure, one event at a time, in order of event time.
 * Whoever holds the stream folds and pushes; `sql` says the same over the lake, and a test holds both together.
 */
export interface FoldView<State, Event> extends Omit<FeatureView, 'knownAt'> {
  /** Before the first event of an entity. */
  readonly start: State;
  readonly advance: (state: State, event: Event) => State;
  readonly featuresOf: (state: State) => Readonly<Record<string, FeatureValue>>;
  /** A select of one row per entity, (entity, features in order), over what happened before `getvariable('as_of')`. */
  readonly sql: string;
}

/** What the catalogue keeps of a fold: its name and shape, whatever its state is. */
export type PushedView = Omit<FeatureView, 'knownAt'>;
