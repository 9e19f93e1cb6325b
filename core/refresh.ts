// What is asked of a refresh, and what it says it did. For the workflow `refresh` and the schedules that start it.

/** Every field has a default; `{}` brings everything up to date, models included. */
export interface RefreshInput {
  /** Default: every use case that the lake holds data of. */
  readonly useCases?: readonly string[];
  /** False: no model is trained; the present champion scores. Default: true. */
  readonly train?: boolean;
  readonly lostAfterSeconds?: number;
}

export interface RefreshSummary {
  readonly useCases: readonly {
    readonly useCase: string;
    /** Tables built, and found as they were. */
    readonly built: number;
    readonly reused: number;
    /** `model version n`, each with what its gates said. */
    readonly models: readonly string[];
    readonly scored: number;
  }[];
  /** Use cases that nothing was ever ingested for. */
  readonly without: readonly string[];
}
