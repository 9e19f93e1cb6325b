// What a feature view promises: facts about an entity as of a moment, computed from nothing at or after that moment.
import type { TableName } from './table.ts';

export interface Feature {
  readonly name: string;
  readonly kind: 'numeric' | 'categorical';
  readonly description: string;
}

/** The table has one row per (entity, `as_of`); its SQL reads the moments from `getvariable('cuts')`, a list of timestamps. */
export interface FeatureView {
  readonly name: string;
  readonly table: TableName;
  readonly entity: string;
  readonly features: readonly Feature[];
}
