// What a table promises: one SQL select, its grain, its key, and the laws that hold for every row of it.

export type Layer = 'bronze' | 'silver' | 'gold' | 'features' | 'serving';
export type TableName = `${Layer}.${string}`;

/** A law of each row by itself; all of a table's are checked in one pass over it. */
export interface RowLaw {
  /** Short name that a failing run prints, e.g. `amounts are not negative`. */
  readonly name: string;
  /** A condition on the columns; a row for which it is false or unknown breaks the law. */
  readonly holds: string;
}

/** A law of the table as a whole. */
export interface TableLaw {
  readonly name: string;
  /** A select that returns the violating rows, over `this` (the new rows) and the table's pinned inputs. No rows: the law holds. */
  readonly violations: string;
}

export type Law = RowLaw | TableLaw;

/** A select of what breaks the law. */
export const violationsOf = (law: Law): string =>
  'holds' in law ? `select * from this where (${law.holds}) is not true` : law.violations;

/**
 * A table whose rows for one value of `by` depend only on input rows with that same value (`from` names the inputs that are cut down to
 * the touched values; other inputs are read whole). Such a table is recomputed for touched values alone. `by` belongs to the key.
 */
export interface Incremental {
  readonly by: string;
  readonly from: readonly TableName[];
}

export interface Table {
  readonly name: TableName;
  readonly description: string;
  /** "one row per …". */
  readonly grain: string;
  /** Unique, and never null. Rows are digested in this order. */
  readonly key: readonly string[];
  readonly laws: readonly Law[];
  readonly incremental?: Incremental;
  /** The select. It reads tables by `layer.name` and settings by `getvariable('…')`; no clock, no randomness. */
  readonly sql: string;
}
