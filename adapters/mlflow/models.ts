// MLflow's logged models and its registry, by verbs that may be repeated. MLflow shows versions; Postgres decides.
import { z } from 'zod';
import { PerennialError } from '../../core/errors.ts';
import { Ignored, type MlflowClient, MlflowError, pairs, quoted } from './client.ts';
import { byKey, KEY_TAG } from './experiments.ts';

export interface LoggedModelRequest {
  readonly experimentId: string;
  readonly runId: string;
  readonly key: string;
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
}

export interface LoggedModel {
  readonly modelId: string;
  readonly artifactUri: string;
}

export interface ModelVersionRequest {
  /** Of the registered model. */
  readonly name: string;
  readonly key: string;
  readonly modelId: string;
  readonly runId: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** MLflow's own column is this wide, and a longer text breaks its insert. */
const LONGEST_DESCRIPTION = 5_000;
/** A description as MLflow keeps it. */
export const cutDescription = (text: string): string =>
  text.length <= LONGEST_DESCRIPTION ? text : `${text.slice(0, LONGEST_DESCRIPTION - 1)}…`;

const ModelInfo = z
  .object({ info: z.object({ model_id: z.string(), artifact_uri: z.string() }) })
  .transform(({ info }): LoggedModel => ({ modelId: info.model_id, artifactUri: info.artifact_uri }));

const RunOutputs = z.object({
  run: z.object({
    outputs: z.object({ model_outputs: z.array(z.object({ model_id: z.string() })).default([]) }).optional(),
  }),
});

const ModelVersion = z.object({ version: z.string() });

/** Name in MLflow's registry: `dev.ecommerce_intelligence.propensity`. Dashes become underscores, as in catalogs of tables. */
export const registeredName = (environment: string, useCase: string, model: string): string =>
  [environment, useCase, model].map((part) => part.replaceAll('-', '_')).join('.');

/** The logged model that carries the key, made if there is none; it is pending until `finishLoggedModel`. */
export const ensureLoggedModel = async (mlflow: MlflowClient, request: LoggedModelRequest): Promise<LoggedModel> => {
  const { experimentId, runId, key, name, params } = request;
  const { models } = await mlflow.call(
    'POST',
    'logged-models/search',
    {
      experiment_ids: [experimentId],
      filter: byKey(key),
      max_results: 1,
      order_by: [{ field_name: 'creation_timestamp', ascending: true }],
    },
    z.object({ models: z.array(ModelInfo).default([]) }),
  );
  if (models[0]) return models[0];
  const made = await mlflow.call(
    'POST',
    'logged-models',
    {
      experiment_id: experimentId,
      source_run_id: runId,
      name,
      model_type: 'onnx',
      params: pairs(params),
      tags: pairs({ [KEY_TAG]: key }),
    },
    z.object({ model: ModelInfo }),
  );
  return made.model;
};

/** Marks a logged model as ready and as an output of its run. */
export const finishLoggedModel = async (mlflow: MlflowClient, runId: string, modelId: string): Promise<void> => {
  const ready = { model_id: modelId, status: 'LOGGED_MODEL_READY' };
  await mlflow.call('PATCH', `logged-models/${modelId}`, ready, Ignored);
  // Said twice, it breaks a unique key of MLflow's tables: so look first.
  const { run } = await mlflow.call('GET', 'runs/get', { run_id: runId }, RunOutputs);
  if (run.outputs?.model_outputs.some(({ model_id }) => model_id === modelId)) return;
  await mlflow.call('POST', 'runs/outputs', { run_id: runId, models: [{ model_id: modelId, step: 0 }] }, Ignored);
};

/** A registered model of that name, made if it is absent. */
export const ensureRegisteredModel = async (mlflow: MlflowClient, name: string, description: string): Promise<void> => {
  try {
    await mlflow.call('POST', 'registered-models/create', { name, description: cutDescription(description) }, Ignored);
  } catch (error) {
    if (!(error instanceof MlflowError) || error.errorCode !== 'RESOURCE_ALREADY_EXISTS') throw error;
  }
};

/**
 * The version that carries the key, made if there is none. Should a rival have made one at the same time, the lower number stays
 * and ours is taken back, so that all who ask agree.
 */
export const ensureModelVersion = async (mlflow: MlflowClient, request: ModelVersionRequest): Promise<string> => {
  const found = await lowestVersion(mlflow, request);
  if (found !== undefined) return found;
  const { name, key, modelId, runId, description, tags } = request;
  const { model_version } = await mlflow.call(
    'POST',
    'model-versions/create',
    {
      name,
      source: `models:/${modelId}`,
      model_id: modelId,
      run_id: runId,
      description: cutDescription(description),
      tags: pairs({ ...tags, [KEY_TAG]: key }),
    },
    z.object({ model_version: ModelVersion }),
  );
  const kept = (await lowestVersion(mlflow, request)) ?? model_version.version;
  if (kept !== model_version.version) {
    await mlflow.call('DELETE', 'model-versions/delete', { name, version: model_version.version }, Ignored);
  }
  return kept;
};

const lowestVersion = async (
  mlflow: MlflowClient,
  { name, key }: Pick<ModelVersionRequest, 'name' | 'key'>,
): Promise<string | undefined> => {
  const filter = `name = ${quoted(name)} and ${byKey(key)}`;
  const Found = z.object({ model_versions: z.array(ModelVersion).default([]) });
  const { model_versions } = await mlflow.call('GET', 'model-versions/search', { filter, max_results: 100 }, Found);
  return model_versions.map(({ version }) => version).toSorted((a, b) => Number(a) - Number(b))[0];
};

/** Lets an alias name a version. MLflow moves it silently from whatever it named: who may move it is decided in Postgres. */
export const setAlias = async (mlflow: MlflowClient, name: string, alias: string, version: string): Promise<void> => {
  if (!/^[a-z][a-z0-9_-]{0,62}$/.test(alias) || alias === 'latest' || /^v\d+$/.test(alias)) {
    throw new PerennialError('INVALID_INPUT', 'MLflow takes no such alias', { field: 'alias', value: alias });
  }
  await mlflow.call('POST', 'registered-models/alias', { name, alias, version }, Ignored);
};

/** The version an alias names. Asked at the alias endpoint, since MLflow's searches return no aliases. */
export const getAlias = async (mlflow: MlflowClient, name: string, alias: string): Promise<string | undefined> => {
  try {
    const Found = z.object({ model_version: ModelVersion });
    const { model_version } = await mlflow.call('GET', 'registered-models/alias', { name, alias }, Found);
    return model_version.version;
  } catch (error) {
    if (error instanceof MlflowError && isNoAlias(error)) return undefined;
    throw error;
  }
};

/** MLflow's word for a missing alias is that of any bad parameter; for a missing model it is the usual one. */
const isNoAlias = ({ errorCode, message }: MlflowError): boolean =>
  errorCode === 'RESOURCE_DOES_NOT_EXIST' ||
  (errorCode === 'INVALID_PARAMETER_VALUE' && /alias .* not found/i.test(message));

/** Sets a tag of a version, whatever it was. */
export const setVersionTag = async (
  mlflow: MlflowClient,
  name: string,
  version: string,
  tag: { readonly key: string; readonly value: string },
): Promise<void> => {
  await mlflow.call('POST', 'model-versions/set-tag', { name, version, ...tag }, Ignored);
};

/** Replaces a version's Markdown description. */
export const updateDescription = async (
  mlflow: MlflowClient,
  name: string,
  version: string,
  description: string,
): Promise<void> => {
  await mlflow.call(
    'PATCH',
    'model-versions/update',
    { name, version, description: cutDescription(description) },
    Ignored,
  );
};

/** Replaces a registered model's description. */
export const updateModelDescription = async (
  mlflow: MlflowClient,
  name: string,
  description: string,
): Promise<void> => {
  await mlflow.call('PATCH', 'registered-models/update', { name, description: cutDescription(description) }, Ignored);
};
