// What serving needs of the world, as small interfaces: a source of models, the online store, and what was published.
import type { FeatureValue } from '../core/feature-value.ts';
import type { Signature } from '../core/model-package.ts';
import type { PublishedReport } from '../core/report/published.ts';
import type { MaybeLater } from './in-turn.ts';

export type FeatureValues = Readonly<Record<string, FeatureValue>>;

/** Features of an entity as the online store keeps them. */
export interface OnlineFeatures {
  readonly values: FeatureValues;
  readonly eventTime: string;
  readonly knownAt: string;
  /** True: older than the TTL of their view allows; to be taken for unknown. */
  readonly expired?: true | undefined;
}

export interface OnlineStore {
  /** Entities that are known; the others are absent. */
  read(view: string, entities: readonly string[]): Promise<ReadonlyMap<string, OnlineFeatures>>;
  reachable(): Promise<boolean>;
}

/** Who holds the champion's alias. */
export interface Champion {
  readonly version: number;
  readonly packageSha256: string;
}

/** Why a row scores as it does, in log-odds before calibration: `expected` and all contributions sum to `raw`. */
export interface Reasons {
  readonly expected: number;
  readonly raw: number;
  /** By feature, in the order of the model's input. */
  readonly contributions: readonly (readonly [feature: string, logOdds: number])[];
}

/** A verified model in memory. */
export interface LoadedModel {
  /** The key whose signature it was loaded by. */
  readonly signedBy: string;
  /** Name in the online store of the features that feed it. */
  readonly view: string;
  readonly signature: Signature;
  /** What an unknown entity is taken for. */
  readonly population: FeatureValues;
  /** What scores a single row: `trees`, or `onnx` with the reason why. */
  readonly scorer: string;
  /** Probability in [0, 1]; whatever else comes out is the model's fault and is checked by the caller. */
  score(values: FeatureValues): Promise<number>;
  /** The same for many rows at once, in their order; a few may need no waiting. */
  scoreMany(rows: readonly FeatureValues[]): MaybeLater<ArrayLike<number>>;
  /** Of each row, in their order; absent where the package holds no trees that could be read. */
  explain?(rows: readonly FeatureValues[]): Promise<readonly Reasons[]>;
  close(): Promise<void>;
}

export interface ModelSource {
  /** Undefined where nobody holds the alias. */
  champion(model: string): Promise<Champion | undefined>;
  /** Loads and verifies a package; throws rather than return a model that is not what its signature and its hashes say. */
  load(model: string, champion: Champion): Promise<LoadedModel>;
  /** `NOT_TRUSTED` if what was loaded would not be loaded today, its key having been revoked. Cheap enough for every look. */
  trusted(model: string, champion: Champion): Promise<void>;
}

/** A report with the hash of its bytes, which the ETag is made of. */
export interface LatestReport {
  readonly report: PublishedReport;
  readonly sha256: string;
}

export interface ReportSource {
  /** The newest report, or the newest at or before snapshot `at`; undefined where nothing was published. */
  latest(useCase: string, at?: number): Promise<LatestReport | undefined>;
}

/** A model that is served: `name` in addresses, `registered` in the registry. */
export interface ServedModel {
  readonly name: string;
  readonly registered: string;
  readonly useCase: string;
}

export interface Log {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}
