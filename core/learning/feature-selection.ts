// Which features a model should go on with: those that it uses, that hold still over time, and that no better one already says.
import { spearman } from './rank-correlation.ts';

/** A feature as it was found. */
export interface Candidate {
  readonly name: string;
  /** What the model gained by it. */
  readonly gain: number;
  /** Population stability index between the first and the last cut. */
  readonly stability: number;
  /** Numbers of the same rows for all candidates, NaN for missing; none for categories. */
  readonly values?: Float64Array;
}

export interface Choice {
  readonly feature: string;
  /** Share of the gain of all. */
  readonly gain: number;
  readonly stability: number;
  readonly kept: boolean;
  readonly why: string;
}

export interface SelectionRules {
  readonly mostCorrelation: number;
  readonly mostStability: number;
}

export const USUAL_RULES: SelectionRules = { mostCorrelation: 0.95, mostStability: 0.25 };

/** One choice for each candidate, the most important first; ties by name, so that the proposal is a function of what was found. */
export const selectFeatures = (
  candidates: readonly Candidate[],
  { mostCorrelation, mostStability }: SelectionRules = USUAL_RULES,
): Choice[] => {
  const total = candidates.reduce((sum, { gain }) => sum + gain, 0);
  const kept: Candidate[] = [];
  const byGain = candidates.toSorted((a, b) => b.gain - a.gain || (a.name < b.name ? -1 : 1));
  return byGain.map((candidate) => {
    const { name: feature, gain, stability } = candidate;
    const refused = whyNot(candidate, kept, { mostCorrelation, mostStability });
    if (refused === undefined) kept.push(candidate);
    const share = total > 0 ? gain / total : 0;
    return { feature, gain: share, stability, kept: refused === undefined, why: refused ?? 'used, stable, its own' };
  });
};

const whyNot = (
  { gain, stability, values }: Candidate,
  better: readonly Candidate[],
  { mostCorrelation, mostStability }: SelectionRules,
): string | undefined => {
  if (!(gain > 0)) return 'the model gains nothing by it';
  if (!(stability <= mostStability)) return `its distribution moved: stability index ${stability.toFixed(2)}`;
  for (const other of better) {
    if (values === undefined || other.values === undefined) continue;
    const r = spearman(other.values, values);
    if (Math.abs(r) > mostCorrelation) return `${other.name} says the same: rank correlation ${r.toFixed(3)}`;
  }
  return undefined;
};
