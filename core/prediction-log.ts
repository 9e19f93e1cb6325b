// What is kept of every answer: for monitoring, for labels that come later, and for whoever asks why.
import type { FeatureValue } from './feature-value.ts';
import type { TableName } from './table.ts';

export interface LoggedPrediction {
  /** A UUID; the answer names it. */
  readonly id: string;
  /** ISO 8601 with zone, as all moments here. */
  readonly servedAt: string;
  readonly useCase: string;
  readonly model: string;
  readonly version: number;
  readonly packageSha256: string;
  /** Name in the online store of the features that were read. */
  readonly view: string;
  readonly entity: string;
  readonly probability: number;
  /** What the model saw. */
  readonly features: Readonly<Record<string, FeatureValue>>;
  /** Null: the entity was unknown, or what is known of it has expired. */
  readonly featureTime: string | null;
  readonly knownAt: string | null;
  readonly coldStart: boolean;
  /** The online store was away: the features came from memory. */
  readonly stale: boolean;
  /** The scoring job that asked; null: a request did. */
  readonly job: string | null;
}

/** The lake's table of all predictions. */
export const predictionsTable: TableName = 'serving.predictions';

/** Moves what was logged into the lake. `{}` is a valid input. */
export interface CollectInput {
  /** Rows of one commit at most. Default 20,000. */
  readonly batchRows?: number;
  readonly lostAfterSeconds?: number;
}

export interface CollectedBatch {
  readonly rows: number;
  /** Whether more is waiting. */
  readonly more: boolean;
  readonly snapshot: number | null;
}

export interface CollectSummary {
  readonly rows: number;
  readonly batches: number;
  readonly snapshot: number | null;
}
