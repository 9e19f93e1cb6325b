// Does the exported model say what the native one says? The gate before a version is registered asks for at most 1e-9.
import { z } from 'zod';
import { calibrated } from '../../core/learning/platt.ts';
import type { Rows } from './adversarial.ts';
import type { OnnxSession } from './session.ts';

/** The native model; a LightGBM booster fits. */
export interface NativeScorer {
  predict(matrix: Rows, kind: 'normal' | 'raw', threads: number): Float64Array;
}

export interface Parity {
  readonly rows: number;
  /** Largest |native − exported| over raw scores and probabilities; ∞ where one of them is no number. */
  readonly maxAbsDifference: number;
  /** Where it is. */
  readonly worst: Difference;
}

export interface Difference {
  readonly output: 'raw' | 'probability';
  readonly row: number;
  readonly native: number;
  readonly exported: number;
}

const Calibration = z.strictObject({ slope: z.number(), intercept: z.number() });

/** Scores the rows both ways. A calibration inside the file is applied to the native raw score by our own arithmetic. */
export const measureParity = async (
  native: NativeScorer,
  session: OnnxSession,
  rows: Rows,
  threads: number,
): Promise<Parity> => {
  const exported = await session.score(rows.values, rows.rows);
  const raw = native.predict(rows, 'raw', threads);
  const { calibration } = session.metadata;
  const platt = calibration === undefined ? undefined : Calibration.parse(JSON.parse(calibration));
  const probability =
    platt === undefined ? native.predict(rows, 'normal', threads) : raw.map((score) => calibrated(platt, score));
  const differences = [
    worstOf('raw', raw, exported.raw, rows.rows),
    worstOf('probability', probability, exported.probability, rows.rows),
  ] as const;
  const [first, second] = differences;
  const worst = sizeOf(first) >= sizeOf(second) ? first : second;
  return { rows: rows.rows, maxAbsDifference: sizeOf(worst), worst };
};

const worstOf = (
  output: Difference['output'],
  native: Float64Array,
  exported: Float64Array,
  rows: number,
): Difference => {
  const outputs = native.length / rows;
  let worst = 0;
  let size = 0;
  for (let i = 0; i < native.length; i += 1) {
    const found = distance(native[i], exported[i]);
    if (found > size) [worst, size] = [i, found];
  }
  const at = (values: Float64Array): number => values[worst] ?? Number.NaN;
  return { output, row: Math.floor(worst / outputs), native: at(native), exported: at(exported) };
};

const sizeOf = ({ native, exported }: Difference): number => distance(native, exported);

const distance = (a = Number.NaN, b = Number.NaN): number => {
  const found = Math.abs(a - b);
  return Number.isNaN(found) ? Number.POSITIVE_INFINITY : found;
};
