// What the worker and its judging child say to each other; both ends check every message.
import { z } from 'zod';
import { Evaluation } from '../../core/model-package.ts';

const file = z.string().min(1);
const rows = z.int().positive();

export const JudgeRequest = z.strictObject({
  libraryPath: file,
  modelPath: file,
  features: z.array(z.strictObject({ name: z.string(), kind: z.enum(['numeric', 'categorical']) })),
  calibrate: z.strictObject({ rows, matrix: file, labels: file }),
  test: z.strictObject({ rows, matrix: file, labels: file, baseline: file, oracle: file.optional(), cut: z.string() }),
  baselineName: z.string(),
  seed: z.int().nonnegative(),
  threads: z.int().positive(),
  out: file,
});
export type JudgeRequest = z.infer<typeof JudgeRequest>;

const Interval = z.object({ value: z.number(), low: z.number(), high: z.number() });

export const JudgeResult = z.strictObject({
  evaluation: Evaluation,
  calibration: z.strictObject({ slope: z.number(), intercept: z.number() }),
  parity: z.strictObject({ rows: z.int(), maxAbsDifference: z.number() }),
  onnxPath: file,
  gap: z.record(z.string(), Interval),
});
export type JudgeResult = z.infer<typeof JudgeResult>;
