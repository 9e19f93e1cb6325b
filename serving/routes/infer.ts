// The Open Inference Protocol v2 under /v2: health, what a model is, and scores of features that the caller brings along.
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { PerennialError } from '../../core/errors.ts';
import { describedInputs, describedOutputs, PROBABILITY, rowsOf } from '../../core/open-inference.ts';
import type { AppDeps } from '../app.ts';
import {
  InferAnswer,
  InferBody,
  Live,
  ModelMetadata,
  ModelPath,
  ModelReady,
  Ready,
  ServerMetadata,
  VersionPath,
} from '../open-inference-schemas.ts';
import type { Champion, LoadedModel } from '../ports.ts';
import { jsonSchema, problems } from '../schemas.ts';
import { checked } from '../scoring/answer.ts';
import { unwatched } from '../stages.ts';

const BODY_BYTES = 1024 * 1024;
const tags = ['Open Inference Protocol'];

type Named = ModelPath & Partial<VersionPath>;

export const inferRoutes = (app: FastifyInstance, deps: AppDeps): void => {
  serverRoutes(app, deps);
  for (const [prefix, path] of [
    ['/v2/models/:model', ModelPath],
    ['/v2/models/:model/versions/:version', VersionPath],
  ] as const) {
    const shared = { tags, params: jsonSchema(path) };
    const missing = problems(400, 404, 500, 503);
    app.get<{ Params: Named }>(
      prefix,
      {
        config: { policy: 'models.read' },
        schema: {
          ...shared,
          summary: 'What a model reads and answers',
          response: { 200: jsonSchema(ModelMetadata), ...missing },
        },
      },
      ({ params }) => loaded(deps, params, async (model, champion) => metadataOf(params.model, model, champion)),
    );
    app.get<{ Params: Named }>(
      `${prefix}/ready`,
      {
        config: { policy: 'models.read' },
        schema: {
          ...shared,
          summary: 'Whether a model answers',
          response: { 200: jsonSchema(ModelReady), ...missing },
        },
      },
      ({ params }) => loaded(deps, params, async () => ({ name: params.model, ready: true as const })),
    );
    app.post<{ Params: Named; Body: InferBody }>(
      `${prefix}/infer`,
      {
        config: { policy: 'predict' },
        bodyLimit: BODY_BYTES,
        schema: {
          ...shared,
          summary: 'The probabilities for given features',
          body: jsonSchema(InferBody),
          response: { 200: jsonSchema(InferAnswer), ...missing },
        },
      },
      ({ params, body }) => infer(deps, params, body),
    );
  }
};

const serverRoutes = (app: FastifyInstance, { keeper }: AppDeps): void => {
  const config = { policy: 'health' } as const;
  const about = { name: 'perennial', version: '0.1.0', extensions: [] };
  app.get(
    '/v2',
    { config, schema: { tags, summary: 'This server', response: { 200: jsonSchema(ServerMetadata) } } },
    () => about,
  );
  app.get(
    '/v2/health/live',
    { config, schema: { tags, summary: 'Whether this process lives', response: { 200: jsonSchema(Live) } } },
    () => ({ live: true as const }),
  );
  app.get(
    '/v2/health/ready',
    {
      config,
      schema: { tags, summary: 'Whether some model answers', response: { 200: jsonSchema(Ready), ...problems(503) } },
    },
    () => {
      if (keeper.states().some((state) => state.loaded)) return { ready: true as const };
      throw new PerennialError('UNAVAILABLE', 'No model is loaded', { field: 'model', mend: 'See /health' });
    },
  );
};

/** Runs `work` on the version that answers, if it is the one that was named. */
const loaded = <T>(
  { keeper }: AppDeps,
  { model: name, version }: Named,
  work: (model: LoadedModel, champion: Champion) => Promise<T>,
): Promise<T> =>
  keeper.use(name, async (model, champion) => {
    if (version === undefined || Number(version) === champion.version) return work(model, champion);
    throw new PerennialError('UNKNOWN_NAME', 'This version does not answer here', {
      field: 'version',
      value: version,
      mend: `Ask version ${champion.version}, or leave the version out; promote another with \`perennial promote\``,
    });
  });

const metadataOf = (name: string, { signature }: LoadedModel, { version }: Champion): ModelMetadata => ({
  name,
  versions: [String(version)],
  platform: 'onnx_onnxv1',
  inputs: describedInputs(signature).map((input) => ({ ...input, shape: [...input.shape] })),
  outputs: describedOutputs.map((output) => ({ ...output, shape: [...output.shape] })),
});

const checkOutputs = (outputs: NonNullable<InferBody['outputs']>): void => {
  for (const [at, { name }] of outputs.entries()) {
    if (name === PROBABILITY) continue;
    const mend = `Ask for ${PROBABILITY}, or leave outputs out`;
    throw new PerennialError('INVALID_INPUT', 'The model has no such output', {
      field: `outputs.${at}.name`,
      value: name,
      mend,
    });
  }
};

const infer = (deps: AppDeps, params: Named, { id, inputs, outputs }: InferBody): Promise<InferAnswer> =>
  loaded(deps, params, async (model, { version }) => {
    const { inStage = unwatched } = deps;
    if (outputs) checkOutputs(outputs);
    const rows = inStage('features', params.model, () => rowsOf(model.signature, inputs));
    const scores = await inStage('infer', params.model, () => model.scoreMany(rows));
    const data = Array.from(scores, (value) => checked(params.model, value));
    return {
      model_name: params.model,
      model_version: String(version),
      id: id ?? randomUUID(),
      outputs: [{ name: PROBABILITY, shape: [data.length], datatype: 'FP64', data }],
    };
  });
