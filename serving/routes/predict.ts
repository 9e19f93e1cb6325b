// POST /predict and GET /predict/:model/:entity: the probability for one entity; with `explain`, what made it; with
// `precomputed`, looked up where that is as good as computed.
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app.ts';
import {
  jsonSchema,
  PredictBody,
  Prediction as PredictionSchema,
  PredictPath,
  PredictQuery,
  problems,
} from '../schemas.ts';
import { answerOne } from '../scoring/answer.ts';

const config = { policy: 'predict' } as const;

export const predictRoutes = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: jsonSchema(PredictionSchema), ...problems(400, 404, 500, 503) };
  const querystring = jsonSchema(PredictQuery);
  const summary = 'The probability for one entity';
  app.post<{ Body: PredictBody; Querystring: PredictQuery }>(
    '/predict',
    { config, schema: { summary, querystring, body: jsonSchema(PredictBody), response } },
    ({ body, query }) =>
      answerOne(deps, {
        model: body.model ?? deps.defaultModel,
        entity: body.user_id,
        explain: body.explain ?? query.explain === 'true',
        precomputed: body.precomputed ?? query.precomputed === 'true',
      }),
  );
  app.get<{ Params: PredictPath; Querystring: PredictQuery }>(
    '/predict/:model/:entity',
    { config, schema: { summary, querystring, params: jsonSchema(PredictPath), response } },
    ({ params, query }) =>
      answerOne(deps, {
        ...params,
        explain: query.explain === 'true',
        precomputed: query.precomputed === 'true',
      }),
  );
};
