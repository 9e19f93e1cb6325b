// POST /predict and GET /predict/:model/:entity: the probability for one entity; with `explain`, what made it.
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app.ts';
import {
  ExplainQuery,
  jsonSchema,
  PredictBody,
  Prediction as PredictionSchema,
  PredictPath,
  problems,
} from '../schemas.ts';
import { answerOne } from '../scoring/answer.ts';

const config = { policy: 'predict' } as const;

export const predictRoutes = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: jsonSchema(PredictionSchema), ...problems(400, 404, 500, 503) };
  const querystring = jsonSchema(ExplainQuery);
  const summary = 'The probability for one entity';
  app.post<{ Body: PredictBody; Querystring: ExplainQuery }>(
    '/predict',
    { config, schema: { summary, querystring, body: jsonSchema(PredictBody), response } },
    ({ body, query }) =>
      answerOne(deps, {
        model: body.model ?? deps.defaultModel,
        entity: body.user_id,
        explain: body.explain ?? query.explain === 'true',
      }),
  );
  app.get<{ Params: PredictPath; Querystring: ExplainQuery }>(
    '/predict/:model/:entity',
    { config, schema: { summary, querystring, params: jsonSchema(PredictPath), response } },
    ({ params, query }) => answerOne(deps, { ...params, explain: query.explain === 'true' }),
  );
};
