// POST /explain: a prediction with its reasons, as `/predict?explain=true` gives them.
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app.ts';
import { ExplainBody, jsonSchema, type Prediction, Prediction as PredictionSchema, problems } from '../schemas.ts';
import { answer } from '../scoring/answer.ts';

export const explainRoute = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: jsonSchema(PredictionSchema), ...problems(400, 404, 500, 503) };
  const schema = {
    summary: 'The probability for one entity, and what made it',
    body: jsonSchema(ExplainBody),
    response,
  };
  app.post<{ Body: ExplainBody }>(
    '/explain',
    { config: { policy: 'explain' }, schema },
    async ({ body }): Promise<Prediction> => {
      const { model = deps.defaultModel, user_id } = body;
      const [prediction] = await answer(deps, { model, entities: [user_id], explain: true });
      if (prediction) return prediction;
      throw new Error('One entity has one answer');
    },
  );
};
