// What a model promises: which question it answers, from which features, by which learner, judged how.
import type { TableName } from './table.ts';

/** Windows around a cut T: features see [T − observation, T), the label looks at [T + gap, T + gap + label). Days. */
export interface Windows {
  readonly observationDays: number;
  readonly gapDays: number;
  readonly labelDays: number;
  /** Distance between training cuts. */
  readonly strideDays: number;
  /** How many training cuts to take, the latest first; fewer where the data is short. */
  readonly trainingCuts: number;
}

/** Moments (ISO dates, UTC midnight) at which rows are cut; each label window closes before the next role's cut opens. */
export interface TimeSplit {
  readonly train: readonly string[];
  readonly calibrate: string;
  readonly test: string;
  /** Where the newest rows are scored: no label yet. */
  readonly score: string;
}

export interface LightGbmLearner {
  readonly kind: 'lightgbm';
  /** Native parameter names; seed and thread count are given by the run. */
  readonly params: Readonly<Record<string, string | number | boolean>>;
  readonly rounds: number;
  /** Rounds between checkpoints. The booster is always rebuilt there, so a resumed run equals a straight one. */
  readonly segmentRounds: number;
}

/** A floor or ceiling a metric must keep; see MLflow's MetricThreshold. Closed by default: a missing metric refuses. */
export interface MetricGate {
  readonly metric: string;
  readonly greaterIsBetter: boolean;
  readonly threshold?: number;
  /** Least absolute improvement over the baseline's (no champion yet) or the champion's metric. */
  readonly minAbsoluteChange?: number;
  readonly minRelativeChange?: number;
}

export interface Model {
  readonly name: string;
  /** The source whose runs train it. */
  readonly source: string;
  readonly question: string;
  /** Name of the feature view that feeds it. */
  readonly featureView: string;
  /** Name of the feature service it reads; its version's lineage records it. */
  readonly featureService?: string;
  /** Features in the order of the model's input vector. */
  readonly features: readonly string[];
  readonly label: { readonly table: TableName; readonly column: string; readonly description: string };
  readonly learner: LightGbmLearner;
  /** SQL expression over the feature view's columns: the rule a person would use without a model. Larger means likelier. */
  readonly baseline: { readonly name: string; readonly score: string };
  readonly gates: readonly MetricGate[];
  /** Table of batch scores that a run commits. */
  readonly scores: TableName;
}
