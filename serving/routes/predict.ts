// POST /predict and GET /predict/:model/:entity: the probability for one entity; with `explain`, what made it.
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app.ts';
import {
  ExplainQuery,
  jsonSchema,
  PredictBody,
  type Prediction,
  Prediction as PredictionSchema,
  PredictPath,
  problems,
} from '../schemas.ts';
import { answer } from '../scoring/answer.ts';

const config = { policy: 'predict' } as const;

export const predictRoutes = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: jsonSchema(PredictionSchema), ...problems(400, 404, 500, 503) };
  const querystring = jsonSchema(ExplainQuery);
  const summary = 'The probability for one entity';
  app.post<{ Body: PredictBody; Querystring: ExplainQuery }>(
    '/predict',
    { config, schema: { summary, querystring, body: jsonSchema(PredictBody), response } },
    ({ body, query }) =>
      predictOne(deps, body.model ?? deps.defaultModel, body.user_id, body.explain ?? query.explain === 'true'),
  );
  app.get<{ Params: PredictPath; Querystring: ExplainQuery }>(
    '/predict/:model/:entity',
    { config, schema: { summary, querystring, params: jsonSchema(PredictPath), response } },
    ({ params, query }) => predictOne(deps, params.model, params.entity, query.explain === 'true'),
  );
};

const predictOne = async (deps: AppDeps, model: string, entity: string, explain: boolean): Promise<Prediction> => {
  const [prediction] = await answer(deps, { model, entities: [entity], explain });
  if (prediction) return prediction;
  throw new Error('One entity has one answer');
};
