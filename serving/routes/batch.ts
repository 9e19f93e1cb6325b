// POST /predict/batch: up to 1,000 entities in one request: their features in one query, their scores in one run, answers in their order.
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app.ts';
import { BatchBody, jsonSchema, type Predictions, Predictions as PredictionsSchema, problems } from '../schemas.ts';
import { answer } from '../scoring/answer.ts';

/** A thousand entities at their longest. */
const BODY_BYTES = 1024 * 1024;

export const batchRoute = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: jsonSchema(PredictionsSchema), ...problems(400, 404, 500, 503) };
  const schema = { summary: 'The probabilities for many entities', body: jsonSchema(BatchBody), response };
  app.post<{ Body: BatchBody }>(
    '/predict/batch',
    { config: { policy: 'score.batch' }, bodyLimit: BODY_BYTES, schema },
    async ({ body }): Promise<Predictions> => {
      const { model = deps.defaultModel, user_ids: entities } = body;
      // Reasons take milliseconds each, in which nobody else is answered: /explain gives them one by one.
      return { predictions: await answer(deps, { model, entities, explain: false }) };
    },
  );
};
