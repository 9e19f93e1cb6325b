// Platt scaling: probabilities out of raw scores. Newton's method with backtracking and prior-corrected targets after
// Lin, Lin & Weng, "A note on Platt's probabilistic outputs for support vector machines", Machine Learning 68 (2007).
import { PerennialError } from '../errors.ts';

/** probability = 1 / (1 + exp(−(slope · raw + intercept))). */
export interface Platt {
  readonly slope: number;
  readonly intercept: number;
}

const MAX_STEPS = 100;
const SMALLEST_STEP = 1e-10;
/** Keeps the Hessian positive definite. */
const RIDGE = 1e-12;
const GRADIENT_ENOUGH = 1e-5;

/** The calibrated probability of a raw score; the two branches never overflow. */
export const calibrated = ({ slope, intercept }: Platt, raw: number): number => {
  const z = slope * raw + intercept;
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const e = Math.exp(z);
  return e / (1 + e);
};

/** Fits slope and intercept to rows that the model has not been trained on. Throws `INVALID_INPUT` without both classes. */
export const fitPlatt = (rawScores: ArrayLike<number>, labels: ArrayLike<number>): Platt => {
  const { raw, targets, start } = prepare(rawScores, labels);
  let platt = start;
  let loss = lossOf(platt, raw, targets);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { gradient, direction } = newton(platt, raw, targets);
    if (Math.abs(gradient.slope) < GRADIENT_ENOUGH && Math.abs(gradient.intercept) < GRADIENT_ENOUGH) return platt;
    const slopeAlong = gradient.slope * direction.slope + gradient.intercept * direction.intercept;
    const next = backtrack(platt, direction, (candidate, size) => {
      const found = lossOf(candidate, raw, targets);
      return found < loss + 1e-4 * size * slopeAlong ? found : undefined;
    });
    if (next === undefined) return platt; // no step lowers the loss any more: rounding has been reached
    ({ platt, loss } = next);
  }
  return platt;
};

const prepare = (rawScores: ArrayLike<number>, labels: ArrayLike<number>) => {
  const raw = Float64Array.from(rawScores);
  const positives = raw.reduce((sum, _, row) => sum + ((labels[row] ?? 0) > 0 ? 1 : 0), 0);
  const negatives = raw.length - positives;
  if (labels.length !== raw.length || positives === 0 || negatives === 0 || !raw.every(Number.isFinite)) {
    throw new PerennialError('INVALID_INPUT', 'Calibration needs finite scores of both classes', {
      field: 'labels',
      value: { rows: raw.length, positives },
    });
  }
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (negatives + 2);
  const targets = Float64Array.from(raw, (_, row) => ((labels[row] ?? 0) > 0 ? high : low));
  return { raw, targets, start: { slope: 0, intercept: Math.log((positives + 1) / (negatives + 1)) } };
};

const lossOf = ({ slope, intercept }: Platt, raw: Float64Array, targets: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < raw.length; i += 1) {
    const z = slope * (raw[i] ?? 0) + intercept;
    const t = targets[i] ?? 0;
    sum += z >= 0 ? (1 - t) * z + Math.log1p(Math.exp(-z)) : -t * z + Math.log1p(Math.exp(z));
  }
  return sum;
};

const newton = (platt: Platt, raw: Float64Array, targets: Float64Array): { gradient: Platt; direction: Platt } => {
  let [ss, ii, si, gs, gi] = [RIDGE, RIDGE, 0, 0, 0];
  for (let i = 0; i < raw.length; i += 1) {
    const f = raw[i] ?? 0;
    const p = calibrated(platt, f);
    const curvature = p * (1 - p);
    const error = p - (targets[i] ?? 0);
    ss += f * f * curvature;
    ii += curvature;
    si += f * curvature;
    gs += f * error;
    gi += error;
  }
  const determinant = ss * ii - si * si;
  return {
    gradient: { slope: gs, intercept: gi },
    direction: { slope: -(ii * gs - si * gi) / determinant, intercept: -(ss * gi - si * gs) / determinant },
  };
};

const backtrack = (
  from: Platt,
  direction: Platt,
  accept: (candidate: Platt, size: number) => number | undefined,
): { platt: Platt; loss: number } | undefined => {
  for (let size = 1; size >= SMALLEST_STEP; size /= 2) {
    const platt = {
      slope: from.slope + size * direction.slope,
      intercept: from.intercept + size * direction.intercept,
    };
    const loss = accept(platt, size);
    if (loss !== undefined) return { platt, loss };
  }
  return undefined;
};
