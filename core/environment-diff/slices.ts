// How two champions do on parts of the same rows: an overall gain may hide a group of people for whom it got worse.
import { type Ranked, rank } from '../learning/ranking.ts';
import { rocAuc } from '../learning/roc-auc.ts';
import { liftAt } from '../learning/top-share.ts';

/** A way to cut rows into parts; `codes` has an index into `values` for each row. */
export interface Slicing {
  readonly by: string;
  readonly values: readonly string[];
  readonly codes: ArrayLike<number>;
}

export interface SliceFigures {
  /** Null for a single class. */
  readonly rocAuc: number | null;
  /** Null for a single class and for few rows. */
  readonly liftAt5: number | null;
}

export interface Slice {
  /** `all`, or a feature. */
  readonly by: string;
  readonly value: string;
  readonly rows: number;
  readonly positives: number;
  /** Null where that environment has no champion. */
  readonly from: SliceFigures | null;
  readonly to: SliceFigures | null;
}

/** Both sides scored the same rows, in the same order; a side without champion gives none. */
export interface ScoredRows {
  readonly labels: ArrayLike<number>;
  readonly from: ArrayLike<number> | null;
  readonly to: ArrayLike<number> | null;
}

/** The best twentieth of fewer rows is a handful of people, and its lift says nothing. */
const FEWEST_FOR_LIFT = 100;

/** All rows first, then part by part. */
export const slicesOf = (rows: ScoredRows, slicings: readonly Slicing[]): Slice[] => {
  const every = Array.from({ length: rows.labels.length }, (_, row) => row);
  if (every.length === 0) return [];
  const parts = slicings.flatMap(({ by, values, codes }) =>
    values.map((value, code) => ({ by, value, members: every.filter((row) => codes[row] === code) })),
  );
  return [{ by: 'all', value: '', members: every }, ...parts]
    .filter(({ members }) => members.length > 0)
    .map(({ by, value, members }) => {
      const labels = members.map((row) => rows.labels[row] ?? 0);
      const figures = (scores: ArrayLike<number> | null) =>
        scores &&
        figuresOf(
          rank(
            labels,
            members.map((row) => scores[row] ?? Number.NaN),
          ),
        );
      return {
        by,
        value,
        rows: members.length,
        positives: labels.reduce((sum, label) => sum + label, 0),
        from: figures(rows.from),
        to: figures(rows.to),
      };
    });
};

const figuresOf = (ranked: Ranked): SliceFigures => ({
  rocAuc: defined(rocAuc(ranked)),
  liftAt5: ranked.labels.length < FEWEST_FOR_LIFT ? null : defined(liftAt(0.05)(ranked)),
});

const defined = (value: number): number | null => (Number.isNaN(value) ? null : value);
