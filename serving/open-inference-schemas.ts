// What requests and answers of the Open Inference Protocol v2 hold; beside schemas.ts, whose words are our own.
import { z } from 'zod';
import { datatypes } from '../core/open-inference.ts';
import { ModelName } from './schemas.ts';

/** What the protocol calls parameters: read by nobody here. */
const Parameters = z.record(z.string().max(100), z.unknown());

export const ModelPath = z.strictObject({ model: ModelName });
export const VersionPath = z.strictObject({ model: ModelName, version: z.string().regex(/^[1-9]\d{0,9}$/) });

const Scalar = z.union([z.number(), z.string(), z.boolean(), z.null()]);
const InputTensor = z
  .strictObject({
    name: z.string().min(1).max(100),
    shape: z.array(z.int().min(0).max(1_000_000)).min(1).max(2),
    datatype: z.enum(datatypes),
    parameters: Parameters.optional(),
    data: z
      .array(z.union([Scalar, z.array(Scalar)]))
      .max(1_000_000)
      .meta({
        description:
          'Numbers, texts or booleans as the datatype says, row-major, flat or nested; null is a missing value',
      }),
  })
  .meta({
    description: 'A feature of all rows, [rows] or [rows, 1]; or, of numeric features only, all of [rows, features]',
  });

export const InferBody = z.strictObject({
  id: z.string().max(200).optional(),
  parameters: Parameters.optional(),
  inputs: z.array(InputTensor).min(1).max(1_000),
  outputs: z
    .array(z.strictObject({ name: z.string().max(100), parameters: Parameters.optional() }))
    .max(10)
    .optional(),
});

export const InferAnswer = z.strictObject({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string(),
  outputs: z.array(
    z.strictObject({ name: z.string(), shape: z.array(z.int()), datatype: z.string(), data: z.array(z.number()) }),
  ),
});

const Described = z.strictObject({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) });

export const ModelMetadata = z.strictObject({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(Described),
  outputs: z.array(Described),
});
export const ServerMetadata = z.strictObject({
  name: z.string(),
  version: z.string(),
  extensions: z.array(z.string()),
});
export const Live = z.strictObject({ live: z.literal(true) });
export const Ready = z.strictObject({ ready: z.literal(true) });
export const ModelReady = z.strictObject({ name: z.string(), ready: z.literal(true) });

export type ModelPath = z.infer<typeof ModelPath>;
export type VersionPath = z.infer<typeof VersionPath>;
export type InferBody = z.infer<typeof InferBody>;
export type InferAnswer = z.infer<typeof InferAnswer>;
export type ModelMetadata = z.infer<typeof ModelMetadata>;
