// What MLflow shows now, read back for the reconciler: registered models with their versions and aliases, runs, logged models, files.
import { z } from 'zod';
import { type MlflowClient, MlflowError, quoted } from './client.ts';

const Tags = z
  .array(z.object({ key: z.string(), value: z.string().default('') }))
  .default([])
  .transform((list): ReadonlyMap<string, string> => new Map(list.map(({ key, value }) => [key, value])));

const Version = z
  .object({
    version: z.string(),
    description: z.string().default(''),
    source: z.string().default(''),
    run_id: z.string().default(''),
    user_id: z.string().default(''),
    last_updated_timestamp: z.number().default(0),
    tags: Tags,
  })
  .transform(({ user_id, run_id, last_updated_timestamp, ...rest }) => ({
    ...rest,
    runId: run_id,
    by: user_id === '' ? null : user_id,
    changedAt: timeOf(last_updated_timestamp),
  }));
export type ShownVersion = z.infer<typeof Version>;

const Model = z.object({
  name: z.string(),
  description: z.string().default(''),
  last_updated_timestamp: z.number().default(0),
  aliases: z.array(z.object({ alias: z.string(), version: z.string() })).default([]),
});

export interface ShownModel {
  readonly name: string;
  readonly description: string;
  readonly changedAt: string | null;
  /** Version by alias. Only the endpoint of one model tells them reliably; searches of some releases do not. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly versions: readonly ShownVersion[];
}

const Metric = z.object({ key: z.string(), value: z.union([z.number(), z.string().transform(Number)]) });
const Run = z.object({
  run: z.object({
    info: z.object({
      experiment_id: z.string(),
      artifact_uri: z.string(),
      lifecycle_stage: z.string(),
      user_id: z.string().default(''),
    }),
    data: z
      .object({
        tags: Tags,
        metrics: z.array(Metric).default([]),
        params: z.array(z.object({ key: z.string(), value: z.string().default('') })).default([]),
      })
      .default({ tags: new Map(), metrics: [], params: [] }),
  }),
});

export interface ShownRun {
  readonly deleted: boolean;
  readonly artifactUri: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly metrics: ReadonlyMap<string, number>;
  readonly params: ReadonlySet<string>;
}

const PAGE = 200;
const Page = { next_page_token: z.string().default('') };

/** Names that begin with the prefix, in order. */
export const shownNames = (mlflow: MlflowClient, prefix: string): Promise<string[]> => {
  const Found = z.object({ registered_models: z.array(Model).default([]), ...Page });
  const filter = `name LIKE ${quoted(`${prefix}.%`)}`;
  return paged(async (page_token) => {
    const asked = { filter, max_results: PAGE, ...page_token };
    const found = await mlflow.call('GET', 'registered-models/search', asked, Found);
    return { items: found.registered_models.map(({ name }) => name), next: found.next_page_token };
  });
};

/** Undefined where MLflow has no such model. */
export const shownModel = async (mlflow: MlflowClient, name: string): Promise<ShownModel | undefined> => {
  const Found = z.object({ registered_model: Model });
  const found = await orNothing(mlflow.call('GET', 'registered-models/get', { name }, Found));
  if (!found) return undefined;
  const { description, last_updated_timestamp, aliases } = found.registered_model;
  return {
    name,
    description,
    changedAt: timeOf(last_updated_timestamp),
    aliases: new Map(aliases.map(({ alias, version }) => [alias, version])),
    versions: await versionsOf(mlflow, name),
  };
};

const versionsOf = (mlflow: MlflowClient, name: string): Promise<ShownVersion[]> => {
  const Found = z.object({ model_versions: z.array(Version).default([]), ...Page });
  return paged(async (page_token) => {
    const asked = { filter: `name = ${quoted(name)}`, max_results: PAGE, ...page_token };
    const found = await mlflow.call('GET', 'model-versions/search', asked, Found);
    return { items: found.model_versions, next: found.next_page_token };
  });
};

/** Also one that lies in the trash; undefined where MLflow never heard of it. */
export const shownRun = async (mlflow: MlflowClient, runId: string): Promise<ShownRun | undefined> => {
  const found = await orNothing(mlflow.call('GET', 'runs/get', { run_id: runId }, Run));
  if (!found) return undefined;
  const { info, data } = found.run;
  return {
    deleted: info.lifecycle_stage === 'deleted',
    artifactUri: info.artifact_uri,
    tags: data.tags,
    metrics: new Map(data.metrics.map(({ key, value }) => [key, value])),
    params: new Set(data.params.map(({ key }) => key)),
  };
};

/** Where the files of a logged model are; undefined where there is none (any more). */
export const loggedModelFiles = async (mlflow: MlflowClient, modelId: string): Promise<string | undefined> => {
  const Found = z.object({ model: z.object({ info: z.object({ artifact_uri: z.string() }) }) });
  const found = await orNothing(mlflow.call('GET', `logged-models/${encodeURIComponent(modelId)}`, {}, Found));
  return found?.model.info.artifact_uri;
};

/** The id of the experiment of that name if it lies in the trash. */
export const deletedExperiment = async (mlflow: MlflowClient, name: string): Promise<string | undefined> => {
  const Found = z.object({ experiment: z.object({ experiment_id: z.string(), lifecycle_stage: z.string() }) });
  const found = await orNothing(mlflow.call('GET', 'experiments/get-by-name', { experiment_name: name }, Found));
  return found?.experiment.lifecycle_stage === 'deleted' ? found.experiment.experiment_id : undefined;
};

const orNothing = async <T>(asked: Promise<T>): Promise<T | undefined> => {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof MlflowError && error.errorCode === 'RESOURCE_DOES_NOT_EXIST') return undefined;
    throw error;
  }
};

const paged = async <T>(
  ask: (page: { page_token?: string }) => Promise<{ items: readonly T[]; next: string }>,
): Promise<T[]> => {
  const all: T[] = [];
  let next = '';
  do {
    const page = await ask(next === '' ? {} : { page_token: next });
    all.push(...page.items);
    next = page.next;
  } while (next !== '');
  return all;
};

const timeOf = (milliseconds: number): string | null =>
  milliseconds > 0 ? new Date(milliseconds).toISOString() : null;
