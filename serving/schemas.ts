// What requests may hold and answers do hold: zod at the border's definition, JSON Schema for Fastify and OpenAPI from the same source.
import { z } from 'zod';

const Model = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/)
  .meta({ description: 'Name of a served model', examples: ['propensity'] });
const Entity = z
  .string()
  .min(1)
  .max(200)
  .meta({ description: 'Key of the entity, as text', examples: ['123'] });
const Moment = z.iso.datetime();
const Value = z.union([z.number(), z.string(), z.null()]);

export const PredictBody = z.strictObject({ model: Model.optional(), user_id: Entity });
export const PredictPath = z.strictObject({ model: Model, entity: Entity });

export const Prediction = z
  .strictObject({
    entity: z.string(),
    model: z.string(),
    version: z.int(),
    probability: z.number().min(0).max(1),
    features: z.record(z.string(), Value).meta({ description: 'What the model saw, in the order of its input' }),
    feature_time: Moment.nullable().meta({ description: 'The moment the features describe; null for a cold start' }),
    known_at: Moment.nullable().meta({ description: 'When the newest fact behind them was ingested' }),
    cold_start: z.boolean().meta({ description: 'True: the entity is unknown and was taken for the population' }),
    served_at: Moment,
  })
  .meta({ description: 'A calibrated probability with everything it was computed from' });

const Refused = z.strictObject({ version: z.int(), reason: z.string(), at: Moment });

export const Health = z.strictObject({
  status: z.enum(['ok', 'degraded']),
  environment: z.string(),
  postgres: z.enum(['reachable', 'unreachable']),
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
export const problems = (...statuses: readonly (400 | 404 | 500 | 503)[]): Record<number, JsonSchema> =>
  Object.fromEntries(statuses.map((status) => [status, { description: 'Problem', ...PROBLEM }]));

export type PredictBody = z.infer<typeof PredictBody>;
export type PredictPath = z.infer<typeof PredictPath>;
export type Prediction = z.infer<typeof Prediction>;
export type Health = z.infer<typeof Health>;
export type Models = z.infer<typeof Models>;
export type PagePath = z.infer<typeof PagePath>;
export type ReportPath = z.infer<typeof ReportPath>;
export type PageQuery = z.infer<typeof PageQuery>;
