// What activities are given: settings and tools, chosen once by the worker. No activity reads the environment or opens a server itself.
import type pg from 'pg';
import type { MlflowClient } from '../adapters/mlflow/client.ts';
import type { PostgresRegistry } from '../adapters/postgres/registry.ts';
import type { Notifier } from '../core/alert.ts';
import type { ArtifactStore } from '../core/artifact.ts';
import type { Trainer } from '../core/learning/job.ts';
import type { PromotionPolicy } from '../core/promotion/policy.ts';
import type { SigningKeys } from '../core/signed-manifest.ts';
import type { UseCase } from '../core/use-case.ts';

export interface Settings {
  /** `dev`, `staging` or `prod`. */
  readonly name: string;
  readonly postgres: { host: string; port: number; user: string; password: string; database: string };
  readonly lake: { metadataSchema: string; dataPath: string };
  readonly extensions: { ducklake: string; postgres: string };
  readonly duckdb: { threads: number; memoryLimit: string; tempDirectory: string };
  /** Scratch folder; its content may vanish between activities. */
  readonly stage: string;
  readonly reports: string;
  readonly lightgbmLibrary: string;
  /** Version of the program, for lineage. */
  readonly codeVersion: string;
  /** Address of the runs of this environment in the Temporal UI; a workflow id follows. */
  readonly runPages: string;
  /** Prefix of model names in MLflow. */
  readonly mlflowPrefix: string;
}

/** Where a test may kill the process: an activity's labelled points. Does nothing in production. */
export type CrashPoint = (point: 'before-write' | 'after-write' | 'after-commit') => void;

/** The environment that promotions come from, as far as this one may look into it: which versions there are, and their bytes. */
export interface Lower {
  readonly name: string;
  readonly registry: Pick<PostgresRegistry, 'champion' | 'versions'>;
  readonly artifacts: Pick<ArtifactStore, 'get'>;
  /** Prefix of its model names in MLflow. */
  readonly mlflowPrefix: string;
  close(): Promise<void>;
}

export interface Deps {
  readonly settings: Settings;
  readonly pool: pg.Pool;
  readonly artifacts: ArtifactStore;
  readonly mlflow: MlflowClient;
  readonly useCases: readonly UseCase[];
  readonly trainer: Trainer;
  readonly crash: CrashPoint;
  /** Called by a step that needs the cores no more: the next one fills them while this one commits. */
  readonly rest: () => void;
  /** This environment's: what signs its model versions, and whose signatures count. */
  readonly keys: SigningKeys;
  /** What must be true of whatever is promoted into this environment. */
  readonly policy: PromotionPolicy;
  /** None below the lowest. */
  readonly lower?: Lower;
  /** Who is told when something is wrong; nobody where there are none. */
  readonly notifiers?: readonly Notifier[];
}

/** How far a long step has come; shown in the terminal and in the pending activity's heartbeat. */
export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

export type OnProgress = (progress: Progress) => void;
