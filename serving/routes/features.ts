// GET /features/:view/:entity and POST /features/:view/push: what is known of an entity now, and what a stream has to add to it.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { PerennialError } from '../../core/errors.ts';
import { checkPush, checkText } from '../../core/feature-push.ts';
import type { AppDeps } from '../app.ts';
import type { FeatureStore } from '../feature-store.ts';
import { Entity, EXPIRED, jsonSchema, problems, storable } from '../schemas.ts';

const View = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}(@[0-9a-f]{12})?$/)
  .meta({ description: 'A feature view, in its newest version or in the one named', examples: ['customer_daily'] });
const Moment = z.iso.datetime({ offset: true });
const Values = z.record(z.string(), z.union([z.number(), z.string(), z.null()]));
const PushedValues = z.record(z.string(), z.union([z.number(), storable(0, 1_000), z.null()]));

const ViewPath = z.strictObject({ view: View });
const EntityPath = z.strictObject({ view: View, entity: Entity });
const PushBody = z.strictObject({
  rows: z
    .array(z.strictObject({ entity: Entity, event_time: Moment, values: PushedValues }))
    .min(1)
    .max(1_000),
});
const Pushed = z.strictObject({
  view: z.string(),
  version: z.string().nullable(),
  rows: z.int(),
  changed: z.int().meta({ description: 'Rows that were news; a row older than what is there changes nothing' }),
});
const Known = z.strictObject({
  view: z.string(),
  version: z.string().nullable(),
  entity: z.string(),
  values: Values,
  event_time: z.iso.datetime().meta({ description: 'The moment the values describe' }),
  known_at: z.iso.datetime().meta({ description: 'When the newest fact behind them was ingested' }),
  expired: z
    .literal(true)
    .optional()
    .meta({ description: `${EXPIRED}. Predictions take the entity for unknown` }),
});

type PushBody = z.infer<typeof PushBody>;
const PUSH_BYTES = 1024 * 1024;

export const featureRoutes = (app: FastifyInstance, store: FeatureStore, { now }: Pick<AppDeps, 'now'>): void => {
  app.get<{ Params: z.infer<typeof EntityPath> }>(
    '/features/:view/:entity',
    {
      config: { policy: 'features.read' },
      schema: {
        summary: 'The newest features of an entity',
        params: jsonSchema(EntityPath),
        response: { 200: jsonSchema(Known), ...problems(400, 404, 500, 503) },
      },
    },
    ({ params }) => known(store, params.view, params.entity),
  );
  app.post<{ Params: z.infer<typeof ViewPath>; Body: PushBody }>(
    '/features/:view/push',
    {
      bodyLimit: PUSH_BYTES,
      config: { policy: 'features.push' },
      schema: {
        summary: 'Adds rows to a feature view',
        description:
          'A row tells all features of the view, null for missing; the newest event_time of an entity stays.',
        params: jsonSchema(ViewPath),
        body: jsonSchema(PushBody),
        response: { 200: jsonSchema(Pushed), ...problems(400, 404, 500, 503) },
      },
    },
    ({ params, body }) => push(store, params.view, body, now()),
  );
};

const known = async (store: FeatureStore, asked: string, entity: string): Promise<z.infer<typeof Known>> => {
  checkText('entity', entity);
  const view = await store.view(asked);
  const found = await store.read(view, entity);
  if (!found)
    throw new PerennialError('UNKNOWN_NAME', 'Nothing is known of this entity', { field: 'entity', value: entity });
  const { values, eventTime, knownAt, expired } = found;
  return {
    view: view.view,
    version: view.version,
    entity,
    values: { ...values },
    event_time: eventTime,
    known_at: knownAt,
    ...(expired && { expired }),
  };
};

const push = async (
  store: FeatureStore,
  asked: string,
  { rows }: PushBody,
  now: number,
): Promise<z.infer<typeof Pushed>> => {
  const view = await store.view(asked);
  const given = rows.map(({ entity, event_time: eventTime, values }) => ({ entity, eventTime, values }));
  checkPush(view.features, given, now);
  const knownAt = new Date(now).toISOString();
  const changed = await store.push(
    view,
    given.map((row) => ({ ...row, knownAt })),
  );
  return { view: view.view, version: view.version, rows: rows.length, changed };
};
