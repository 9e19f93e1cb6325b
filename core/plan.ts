// The plan of a run: everything a workflow needs to know about a use case, resolved once and kept, so that editing the use case never
// breaks a running execution.
import type { ArtifactRef } from './artifact.ts';
import type { Pin } from './commit.ts';
import type { VersionedView } from './feature-version.ts';
import type { Model, TimeSplit, Windows } from './model.ts';
import type { Table, TableName } from './table.ts';

export interface PlannedTable extends Table {
  /** Tables its SQL reads. */
  readonly inputs: readonly TableName[];
}

/** Kept as an artifact; activities read it, workflows carry only its reference. */
export interface Plan {
  readonly useCase: string;
  readonly title: string;
  readonly source: string;
  readonly seed: number;
  readonly windows: Windows;
  /** Bronze tables that sources fill, with the SQL columns of each, so that an absent one can stand empty. */
  readonly bronze: Readonly<Record<TableName, string>>;
  /** The column of a source's bronze table that says when. */
  readonly eventTimes: Readonly<Record<TableName, string>>;
  readonly tables: readonly PlannedTable[];
  readonly featureViews: readonly VersionedView[];
  readonly models: readonly Model[];
}

/** What a workflow holds of a plan. */
export interface PlanBrief {
  readonly plan: ArtifactRef;
  readonly useCase: string;
  /** In the order in which they are built. */
  readonly tables: readonly { readonly name: TableName; readonly inputs: readonly TableName[] }[];
  readonly models: readonly string[];
}

/** The moments of a run: how much is known, and where the time split cuts. */
export interface Moments {
  /** End of knowledge, exclusive; ISO date at UTC midnight. */
  readonly asOf: string;
  readonly split: TimeSplit;
}

export interface BuiltTable extends Pin {
  readonly rows: number;
  readonly reused: boolean;
  /** Why it was built, or that it was found. */
  readonly why: string;
}
