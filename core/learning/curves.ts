// The curves of a scorer for pictures: ROC, precision-recall, cumulative gain with lift. At most 200 points each, ends included.
import { type Ranked, sweep, totals } from './ranking.ts';

const POINTS = 200;

export interface RocPoint {
  readonly falsePositiveRate: number;
  readonly truePositiveRate: number;
}

export interface PrecisionRecallPoint {
  readonly recall: number;
  readonly precision: number;
}

export interface GainPoint {
  /** Share of rows taken from the top. */
  readonly share: number;
  /** Share of all positives among them. */
  readonly recall: number;
  readonly lift: number;
}

interface Sweep {
  readonly found: number;
  readonly taken: number;
}

/** From (0, 0) to (1, 1). */
export const rocCurve = (ranked: Ranked): readonly RocPoint[] => {
  const { positives, rows } = totals(ranked);
  const points = cumulative(ranked).map(({ found, taken }) => ({
    falsePositiveRate: (taken - found) / (rows - positives),
    truePositiveRate: found / positives,
  }));
  const start = { falsePositiveRate: 0, truePositiveRate: 0 };
  return thin([start, ...points], ({ falsePositiveRate, truePositiveRate }) => falsePositiveRate + truePositiveRate);
};

/** From the highest threshold (least recall) to recall 1. */
export const precisionRecallCurve = (ranked: Ranked): readonly PrecisionRecallPoint[] => {
  const { positives } = totals(ranked);
  const points = cumulative(ranked).map(({ found, taken }) => ({
    recall: found / positives,
    precision: found / taken,
  }));
  return thin(points, ({ recall }) => recall);
};

/** Cumulative gain and lift by share of rows, from the first threshold to all rows. */
export const gainCurve = (ranked: Ranked): readonly GainPoint[] => {
  const { positives, rows } = totals(ranked);
  const points = cumulative(ranked).map(({ found, taken }) => ({
    share: taken / rows,
    recall: found / positives,
    lift: found / taken / (positives / rows),
  }));
  return thin(points, ({ share }) => share);
};

const cumulative = (ranked: Ranked): readonly Sweep[] => {
  const start = { found: 0, taken: 0, steps: [] as Sweep[] };
  return sweep(ranked, undefined, start, (state, positive, negative) => {
    state.found += positive;
    state.taken += positive + negative;
    state.steps.push({ found: state.found, taken: state.taken });
  }).steps;
};

/** Keeps the ends and the points nearest after even steps of `progress`, which never falls along the curve. */
export const thin = <T>(points: readonly T[], progress: (point: T) => number, limit = POINTS): readonly T[] => {
  const first = points[0];
  const last = points.at(-1);
  if (points.length <= limit || first === undefined || last === undefined) return points;
  const [from, to] = [progress(first), progress(last)];
  const step = (to - from) / (limit - 1);
  const kept: T[] = [first];
  let next = from + step;
  for (const point of points.slice(1, -1)) {
    if (progress(point) < next || kept.length === limit - 1) continue;
    kept.push(point);
    next = from + step * (Math.floor((progress(point) - from) / step) + 1);
  }
  return [...kept, last];
};
