// The two heavy jobs of learning, as activities ask for them and child processes do them.
import type { Evaluation } from '../model-package.ts';
import type { Platt } from './platt.ts';

/** Files are raw little-endian numbers without a header: rows × columns of float64, and a float32 per row. */
export interface TrainingJob {
  readonly libraryPath: string;
  readonly matrixPath: string;
  readonly rows: number;
  readonly columns: number;
  readonly labelsPath: string;
  readonly weightsPath?: string | undefined;
  /** Indexes of columns that hold category codes. */
  readonly categoricalColumns: number[];
  readonly featureNames: string[];
  readonly params: Record<string, string | number | boolean>;
  readonly rounds: number;
  readonly segmentRounds: number;
  readonly seed: number;
  readonly threads: number;
  readonly checkpointDirectory: string;
}

/** Rows of one cut on disk; all arrays float64, one number a row but for the matrix. */
export interface JudgingRows {
  readonly rows: number;
  readonly matrix: string;
  readonly labels: string;
}

export interface JudgingJob {
  readonly libraryPath: string;
  /** LightGBM's model text. */
  readonly modelPath: string;
  readonly features: readonly { readonly name: string; readonly kind: 'numeric' | 'categorical' }[];
  /** Where probabilities are calibrated: later than training, earlier than the test. */
  readonly calibrate: JudgingRows;
  readonly test: JudgingRows & {
    readonly cut: string;
    /** Scores of the rule that the model has to beat. */
    readonly baseline: string;
    /** Probabilities that the planted truth gives, where there is one. */
    readonly oracle?: string | undefined;
  };
  readonly baselineName: string;
  readonly seed: number;
  readonly threads: number;
  /** Folder for what comes of it. */
  readonly out: string;
}

export interface Judgement {
  readonly evaluation: Evaluation;
  readonly calibration: Platt;
  readonly parity: { readonly rows: number; readonly maxAbsDifference: number };
  /** File of the exported model. */
  readonly onnxPath: string;
  /** Bootstrap interval of the difference model − oracle, where there is an oracle. */
  readonly gap: Readonly<Record<string, { readonly value: number; readonly low: number; readonly high: number }>>;
}

/** A model in both its forms, on disk. */
export interface ParityJob {
  readonly libraryPath: string;
  /** LightGBM's model text. */
  readonly modelPath: string;
  readonly onnxPath: string;
  readonly seed: number;
  readonly threads: number;
}

export interface ParityFound {
  readonly rows: number;
  /** Null where one of the two answered with no number. */
  readonly maxAbsDifference: number | null;
}

export interface JobOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: {
    readonly stage: string;
    readonly done: number;
    readonly total: number;
    readonly unit: string;
  }) => void;
}

type Ready<Job> = Job | Promise<Job>;

/**
 * Runs jobs outside the worker's own process, so that a native crash or a kill takes only the job. One that is still being made ready may
 * be given as well: the process starts meanwhile.
 */
export interface Trainer {
  train(job: Ready<TrainingJob>, options: JobOptions): Promise<{ readonly modelPath: string; readonly sha256: string }>;
  judge(job: Ready<JudgingJob>, options: JobOptions): Promise<Judgement>;
  parity(job: Ready<ParityJob>, options: JobOptions): Promise<ParityFound>;
}
