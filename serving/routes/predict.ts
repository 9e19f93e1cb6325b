// POST /predict and GET /predict/:model/:entity: features from the online store, the model in memory, one answer with its provenance.
import type { FastifyInstance } from 'fastify';
import { PerennialError } from '../../core/errors.ts';
import type { AppDeps } from '../app.ts';
import type { FeatureValues, LoadedModel, OnlineFeatures, OnlineStore } from '../ports.ts';
import {
  jsonSchema,
  PredictBody,
  type Prediction,
  Prediction as PredictionSchema,
  PredictPath,
  problems,
} from '../schemas.ts';

export const predictRoutes = (app: FastifyInstance, deps: AppDeps): void => {
  const response = { 200: jsonSchema(PredictionSchema), ...problems(400, 404, 500, 503) };
  const summary = 'The probability for one entity';
  app.post<{ Body: PredictBody }>(
    '/predict',
    { schema: { summary, body: jsonSchema(PredictBody), response } },
    ({ body }) => predict(deps, body.model ?? deps.defaultModel, body.user_id),
  );
  app.get<{ Params: PredictPath }>(
    '/predict/:model/:entity',
    { schema: { summary, params: jsonSchema(PredictPath), response } },
    ({ params }) => predict(deps, params.model, params.entity),
  );
};

const predict = ({ keeper, online, now }: AppDeps, name: string, entity: string): Promise<Prediction> =>
  keeper.use(name, async (model, { version }) => {
    const found = (await readOnline(online, model.view, entity)).get(entity);
    const features = seen(model, found?.values ?? model.population);
    const probability = await model.score(features);
    if (!(probability >= 0 && probability <= 1)) {
      throw new PerennialError('LAW_BROKEN', 'The model answered no probability', {
        field: name,
        value: String(probability),
      });
    }
    return {
      entity,
      model: name,
      version,
      probability,
      features,
      feature_time: found?.eventTime ?? null,
      known_at: found?.knownAt ?? null,
      cold_start: found === undefined,
      served_at: new Date(now()).toISOString(),
    };
  });

const readOnline = (online: OnlineStore, view: string, entity: string): Promise<ReadonlyMap<string, OnlineFeatures>> =>
  online.read(view, [entity]).catch((cause: unknown) => {
    throw new PerennialError('UNAVAILABLE', 'The online store does not answer', {
      field: 'postgres',
      mend: 'Try again',
      cause,
    });
  });

/** Exactly the features of the model's input, in its order. */
const seen = ({ signature }: LoadedModel, values: FeatureValues): Record<string, FeatureValues[string]> =>
  Object.fromEntries(signature.features.map(({ name }) => [name, values[name] ?? null]));
