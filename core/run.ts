// What people hand to a run and get back from it: one JSON object each, small enough to read in the Temporal UI.
import type { ArtifactRef } from './artifact.ts';
import type { Moments } from './plan.ts';

/** Every field has a sensible default; `{}` runs the first use case on what the lake holds, or on a small generated sample. */
export interface RunInput {
  readonly useCase?: string;
  /** File, folder, glob or archive to ingest first; none: only what the lake already holds. */
  readonly path?: string;
  /** Name of the source contract, e.g. `clickstream`; recognised by the file's header where it is not said. */
  readonly source?: string;
  /** End of knowledge, exclusive (ISO date). Default: the day after the last day in the ledger. */
  readonly asOf?: string;
  readonly seed?: number;
  /** Folder with the planted truth of generated data; the model is then judged beside its oracle. Never read for anything else. */
  readonly truth?: string;
  /** When the files became known (ISO time). Default: when the run started. */
  readonly knownAt?: string;
  /** Data version to train from: its tables as they were tagged. Nothing is ingested, built, scored or reported then. */
  readonly tag?: string;
  /** False: no version is trained; the present champion scores. What staging and prod do between promotions. Default: true. */
  readonly train?: boolean;
  /** After how many seconds of silence the steps of a lost worker are given to another. Default: 20. */
  readonly lostAfterSeconds?: number;
}

export interface IngestSummary {
  readonly files: number;
  readonly known: number;
  readonly rowsIn: number;
  readonly loaded: number;
  readonly quarantined: number;
  readonly refused: readonly string[];
  readonly notes: readonly string[];
  readonly source: string;
}

export interface TransformSummary {
  readonly built: number;
  readonly reused: number;
  /** `table: why it was built`, at most twelve. */
  readonly because: readonly string[];
}

export interface ModelSummary {
  readonly model: string;
  readonly version: number;
  /** False where the same result was registered before. */
  readonly created: boolean;
  readonly champion: boolean;
  /** Why it is or is not champion. */
  readonly reasons: readonly string[];
  /** The test cut's figures, each with its bootstrap interval as `…_low` and `…_high`; `baseline_…` and, where known, `oracle_…`. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Address of the version in the MLflow UI. */
  readonly mlflow: string;
  /** The package's manifest. */
  readonly package: ArtifactRef;
}

export interface RunSummary {
  readonly status: 'completed';
  readonly useCase: string;
  readonly moments: Moments;
  readonly ingest: IngestSummary | null;
  readonly transform: TransformSummary;
  readonly models: readonly ModelSummary[];
  readonly scored: number;
  readonly segments: Readonly<Record<string, number>>;
  /** The HTML report; empty where none was made. */
  readonly report: string;
  /** What the report's pages found, one sentence each. */
  readonly headlines: readonly string[];
  readonly steps: { readonly ran: number; readonly reused: number };
}

export type StageState = 'waiting' | 'running' | 'done' | 'skipped' | 'failed';

/** The answer to the query `progress`. */
export interface RunProgress {
  readonly useCase: string;
  readonly stages: readonly {
    readonly name: string;
    readonly state: StageState;
    readonly note: string;
    readonly startedAt?: number;
    readonly endedAt?: number;
  }[];
}
