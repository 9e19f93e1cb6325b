// What the worker and its training child say to each other; both ends check it.
import { z } from 'zod';

const count = z.int().positive();

/** One training run. Files are raw little-endian numbers without a header: rows × columns of float64, and a float32 per row. */
export const TrainRequest = z.strictObject({
  libraryPath: z.string(),
  matrixPath: z.string(),
  rows: count,
  columns: count,
  labelsPath: z.string(),
  weightsPath: z.string().optional(),
  /** Indexes of columns that hold category codes. */
  categoricalColumns: z.array(z.int().nonnegative()),
  featureNames: z.array(z.string()),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  rounds: count,
  /** Rounds between checkpoints; part of the result, see `core/learning/segments.ts`. */
  segmentRounds: count,
  seed: z.int().nonnegative(),
  threads: count,
  checkpointDirectory: z.string(),
});
export type TrainRequest = z.infer<typeof TrainRequest>;

export const TrainResult = z.strictObject({
  /** File with the model text. */
  modelPath: z.string(),
  sha256: z.string(),
  /** Rounds grown: fewer than asked where no tree could be split any more. */
  rounds: z.int(),
  /** Round of the checkpoint that this run continued from; 0 from scratch. */
  resumedFrom: z.int(),
});
export type TrainResult = z.infer<typeof TrainResult>;
