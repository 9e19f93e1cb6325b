// POST /explain: a prediction with its reasons, as `/predict?explain=true` gives them.
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app.ts';
import { ExplainBody, jsonSchema, Prediction as PredictionSchema, problems } from '../schemas.ts';
import { answerOne } from '../scoring/answer.ts';

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
    ({ body: { model = deps.defaultModel, user_id: entity } }) => answerOne(deps, { model, entity, explain: true }),
  );
};
