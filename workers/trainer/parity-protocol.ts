// What the worker and its comparing child say to each other; both ends check every message.
import { z } from 'zod';

const file = z.string().min(1);

export const ParityRequest = z.strictObject({
  libraryPath: file,
  modelPath: file,
  onnxPath: file,
  seed: z.int().nonnegative(),
  threads: z.int().positive(),
});
export type ParityRequest = z.infer<typeof ParityRequest>;

export const ParityResult = z.strictObject({ rows: z.int(), maxAbsDifference: z.number().nullable() });
export type ParityResult = z.infer<typeof ParityResult>;
