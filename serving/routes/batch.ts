// POST /predict/batch: up to 1,000 entities in one request: their features in one query, their scores in one run, answers in their order.
import type { FastifyInstance } from 'fastify';
import { PerennialError } from '../../core/errors.ts';
import type { AppDeps } from '../app.ts';
import { BatchBody, jsonSchema, type Predictions, Predictions as PredictionsSchema, problems } from '../schemas.ts';
import { answer } from '../scoring/answer.ts';

/** A thousand entities at their longest. */
const BODY_BYTES = 1024 * 1024;
/** Reasons take milliseconds each: a batch must not keep those waiting who ask for one. */
const MOST_EXPLAINED = 100;

export const batchRoute = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: jsonSchema(PredictionsSchema), ...problems(400, 404, 500, 503) };
  const schema = { summary: 'The probabilities for many entities', body: jsonSchema(BatchBody), response };
  app.post<{ Body: BatchBody }>(
    '/predict/batch',
    { config: { policy: 'score.batch' }, bodyLimit: BODY_BYTES, schema },
    async ({ body }): Promise<Predictions> => {
      const { model = deps.defaultModel, user_ids: entities, explain = false } = body;
      if (explain && entities.length > MOST_EXPLAINED) throw tooManyReasons(entities.length);
      return { predictions: await answer(deps, { model, entities, explain }) };
    },
  );
};

const tooManyReasons = (entities: number): PerennialError =>
  new PerennialError('INVALID_INPUT', `Reasons are given for ${MOST_EXPLAINED} entities at most`, {
    field: 'user_ids',
    value: entities,
    mend: 'Ask for fewer, or without explain',
  });
