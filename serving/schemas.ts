// What requests may hold and answers do hold: zod at the border's definition, JSON Schema for Fastify and OpenAPI from the same source.
import { z } from 'zod';

export const ModelName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/)
  .meta({ description: 'Name of a served model', examples: ['propensity'] });
/** Formats of ours. `unicode`: no halves of characters, which JSON can write and no encoding can. */
export const formats = { unicode: /^\P{Cs}*$/u };
/** Text that Postgres can hold: that, and without NUL. */
export const storable = (least: number, most: number): z.ZodString =>
  z.string().min(least).max(most).meta({ format: 'unicode', pattern: '^[^\\x00]*$' });
export const Entity = storable(1, 200).meta({ description: 'Key of the entity, as text', examples: ['123'] });
export const Moment = z.iso.datetime();
const Value = z.union([z.number(), z.string(), z.null()]);

const Precomputed =
  'Takes the answer that scoring made ahead, as it does for common entities, if the champion made it of the features that are online now; else it is computed';
const Explain = z.boolean().meta({ description: 'With the contribution of each feature' });

export const PredictBody = z.strictObject({
  model: ModelName.optional(),
  user_id: Entity,
  explain: Explain.optional(),
  precomputed: z.boolean().optional().meta({ description: Precomputed }),
});
export const ExplainBody = PredictBody.omit({ explain: true, precomputed: true });
export const BatchBody = z.strictObject({
  model: ModelName.optional(),
  user_ids: z.array(Entity).min(1).max(1_000).meta({ description: 'Answered in this order' }),
  explain: Explain.optional().meta({ description: 'With the contribution of each feature; for 100 entities at most' }),
});
const YesOrNo = z.enum(['true', 'false']).optional();
export const PredictQuery = z.strictObject({
  explain: YesOrNo,
  precomputed: YesOrNo.meta({ description: Precomputed }),
});
export const PredictPath = z.strictObject({ model: ModelName, entity: Entity });

const Reasons = z
  .strictObject({
    expected_value: z.number().meta({ description: 'Mean raw score of the training rows' }),
    raw_score: z
      .number()
      .meta({ description: 'Log-odds before calibration: the expected value and all contributions' }),
    contributions: z
      .array(z.strictObject({ feature: z.string(), value: Value, contribution: z.number() }))
      .meta({ description: 'SHAP values in log-odds, the largest first' }),
  })
  .meta({ description: 'Why the model scores so: SHAP, path-dependent' });

export const COLD_START =
  'True: the entity is unknown, or what is known of it expired, and was taken for the population';
export const EXPIRED =
  'True: the features of the entity describe a moment more than the TTL of their view before the newest one that was materialised of it (of a view folded from a stream: pushed). The wall clock plays no part';

export const Prediction = z
  .strictObject({
    prediction_id: z.uuid().meta({ description: 'For `perennial why`' }),
    entity: z.string(),
    model: z.string(),
    version: z.int(),
    probability: z.number().min(0).max(1),
    source: z
      .enum(['computed', 'precomputed'])
      .meta({ description: 'Precomputed: made ahead by scoring, of these features' }),
    scored_at: Moment.meta({ description: 'When the model scored it' }),
    fallback_reason: z
      .string()
      .optional()
      .meta({ description: 'Why it was not computed, where it had to be looked up' }),
    features: z.record(z.string(), Value).meta({ description: 'What the model saw, in the order of its input' }),
    feature_time: Moment.nullable().meta({ description: 'The moment the features describe; null for a cold start' }),
    known_at: Moment.nullable().meta({ description: 'When the newest fact behind them was ingested' }),
    cold_start: z.boolean().meta({ description: COLD_START }),
    expired: z.literal(true).optional().meta({ description: EXPIRED }),
    stale: z.boolean().meta({ description: 'True: the online store is away, the features are from memory' }),
    stale_reason: z.string().optional(),
    served_at: Moment,
    reasons: Reasons.optional(),
  })
  .meta({ description: 'A calibrated probability with everything it was computed from' });

const {
  stale_reason: _reason,
  reasons: _reasons,
  expired: _expired,
  source: _source,
  scored_at: _scoredAt,
  fallback_reason: _fallback,
  ...noted
} = Prediction.shape;
export const PredictionRecord = z.strictObject({
  ...noted,
  job_id: z.uuid().nullable().meta({ description: 'The scoring job that asked; null: a request did' }),
  use_case: z.string(),
  package_sha256: z.string(),
  view: z.string().meta({ description: 'Name in the online store of the features that were read' }),
});
export const PredictionPath = z.strictObject({ id: z.uuid() });

export const Predictions = z.strictObject({ predictions: z.array(Prediction) });

const Refused = z.strictObject({ version: z.int(), reason: z.string(), at: Moment });

const Layer = { hits: z.int(), misses: z.int(), hit_rate: z.number().min(0).max(1) };

export const Health = z.strictObject({
  status: z.enum(['ok', 'degraded']),
  environment: z.string(),
  postgres: z.enum(['reachable', 'unreachable']),
  feature_cache: z
    .strictObject({
      memory: z.strictObject(Layer).optional(),
      redis: z
        .strictObject({
          state: z.enum(['connected', 'away']),
          ...Layer,
          failures: z
            .int()
            .meta({ description: 'Times that it could not be used, or not in time; the answer came from Postgres' }),
          refused: z.int().meta({ description: 'Values that nobody of us wrote; ignored' }),
        })
        .optional(),
    })
    .optional()
    .meta({
      description: 'Reads of online features since the start: memory, then Redis where there is one, then Postgres',
    }),
  prediction_log: z
    .strictObject({ waiting: z.int(), written: z.int(), dropped: z.int() })
    .optional()
    .meta({ description: 'Records of answers since the start; dropped for want of room while Postgres was away' }),
  read_log: z
    .strictObject({ waiting: z.int(), written: z.int(), dropped: z.int() })
    .optional()
    .meta({ description: 'Records of who asked about whom since the start, counted in the same way' }),
  models: z.array(
    z.strictObject({
      model: z.string(),
      version: z.int().nullable(),
      package_sha256: z.string().nullable(),
      signed_by: z.string().nullable().meta({ description: 'Key that vouches for it: see `perennial keys`' }),
      since: Moment.nullable(),
      refused: Refused.optional(),
      trouble: z.string().optional(),
    }),
  ),
});

export const Models = z.strictObject({
  models: z.array(
    z.strictObject({
      model: z.string(),
      use_case: z.string(),
      version: z.int(),
      package_sha256: z.string(),
      signed_by: z.string().meta({ description: 'Key that vouches for it: see `perennial keys`' }),
      since: Moment,
      scored_by: z.string().meta({ description: 'What scores single rows: `trees`, or `onnx` and why' }),
      entity: z.string(),
      meaning: z.string().meta({ description: 'What the probability is a probability of' }),
      features: z.array(z.strictObject({ name: z.string(), kind: z.string(), description: z.string() })),
    }),
  ),
  refused: z
    .array(z.strictObject({ model: z.string(), ...Refused.shape }))
    .meta({ description: 'Champions that were not loaded, and why' }),
});

export const PagePath = z.strictObject({
  env: z.string().max(30),
  useCase: z.string().max(100),
  page: z.string().max(100),
});
export const ReportPath = PagePath.omit({ page: true });
export const PageQuery = z.strictObject({
  at: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional()
    .meta({ description: 'Lake snapshot: the newest report at or before it' }),
});

const ProblemDocument = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    field: z.string().optional(),
    value: z.unknown().optional(),
    mend: z.string().optional(),
  })
  .meta({ description: 'RFC 9457 problem details' });

/** What Fastify answers by itself where a body is sent. */
export const describeBody = ({ schema }: { readonly schema?: { body?: unknown; response?: unknown } }): void => {
  if (schema?.body) Object.assign(schema, { response: { ...problems(413, 415), ...(schema.response ?? {}) } });
};

type JsonSchema = Record<string, unknown>;

/** JSON Schema of a zod schema; a union of plain types becomes one list of types, which serialises without a validator. */
export const jsonSchema = (schema: z.ZodType): JsonSchema => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input', override: flatten });
  return rest;
};

const flatten = ({ jsonSchema: node }: { jsonSchema: JsonSchema }): void => {
  const types = Array.isArray(node.anyOf) ? node.anyOf.map(plainType) : [];
  if (types.length === 0 || types.includes(undefined)) return;
  const [first = {}] = (node.anyOf as JsonSchema[]).filter(({ type }) => type !== 'null');
  node.anyOf = undefined;
  delete node.anyOf;
  Object.assign(node, types.length === 2 ? first : {}, { type: types });
};

/** The type of a schema that says little besides: a bare type, or a formatted text beside null. */
const plainType = (node: JsonSchema): unknown => {
  const extra = Object.keys(node).filter((key) => !['type', 'format', 'pattern', 'minimum', 'maximum'].includes(key));
  return extra.length === 0 && typeof node.type === 'string' ? node.type : undefined;
};

const PROBLEM = { content: { 'application/problem+json': { schema: jsonSchema(ProblemDocument) } } };

/** Problem documents for the given statuses, for a route's `response`. */
export const problems = (
  ...statuses: readonly (400 | 401 | 403 | 404 | 409 | 413 | 415 | 429 | 500 | 503)[]
): Record<number, JsonSchema> =>
  Object.fromEntries(statuses.map((status) => [status, { description: 'Problem', ...PROBLEM }]));

export type PredictBody = z.infer<typeof PredictBody>;
export type ExplainBody = z.infer<typeof ExplainBody>;
export type PredictQuery = z.infer<typeof PredictQuery>;
export type BatchBody = z.infer<typeof BatchBody>;
export type Predictions = z.infer<typeof Predictions>;
export type PredictionRecord = z.infer<typeof PredictionRecord>;
export type PredictionPath = z.infer<typeof PredictionPath>;
export type PredictPath = z.infer<typeof PredictPath>;
export type Prediction = z.infer<typeof Prediction>;
export type Health = z.infer<typeof Health>;
export type Models = z.infer<typeof Models>;
export type PagePath = z.infer<typeof PagePath>;
export type ReportPath = z.infer<typeof ReportPath>;
export type PageQuery = z.infer<typeof PageQuery>;
