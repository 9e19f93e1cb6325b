// MLflow's experiments and runs, by verbs that may be repeated: what was done is found by its key and not done again.
import { z } from 'zod';
import { Ignored, type MlflowClient, MlflowError, pairs, quoted } from './client.ts';

/** Tag that carries our key on runs, logged models and model versions. */
export const KEY_TAG = 'perennial.key';

/** Filter for what carries a key; the dots in the tag's name need back-ticks. */
export const byKey = (key: string): string => `tags.\`${KEY_TAG}\` = ${quoted(key)}`;

export interface RunRequest {
  readonly experimentId: string;
  readonly key: string;
  readonly name: string;
  /** Milliseconds since 1970. The same at each repetition, or rows double. */
  readonly startedAt: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface MlflowRun {
  readonly runId: string;
  readonly artifactUri: string;
}

export interface MetricPoint {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
  /** Also shows the metric at this logged model. */
  readonly model_id?: string;
  readonly dataset_name?: string;
  readonly dataset_digest?: string;
}

export interface Batch {
  readonly metrics?: readonly MetricPoint[];
  readonly params?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface Dataset {
  readonly name: string;
  /** Up to 36 characters. */
  readonly digest: string;
  readonly sourceType: string;
  /** JSON texts, as MLflow wants them. */
  readonly source: string;
  readonly schema: string;
  readonly profile: string;
  readonly context: 'training' | 'evaluation';
}

const RunInfo = z
  .object({ run_id: z.string(), artifact_uri: z.string() })
  .transform(({ run_id, artifact_uri }): MlflowRun => ({ runId: run_id, artifactUri: artifact_uri }));

/** The id of the experiment of that name, made if it is absent; its kind tells MLflow's pages to show training runs first. */
export const ensureExperiment = async (mlflow: MlflowClient, name: string): Promise<string> => {
  try {
    const request = { name, tags: pairs({ 'mlflow.experimentKind': 'custom_model_development' }) };
    const made = await mlflow.call('POST', 'experiments/create', request, z.object({ experiment_id: z.string() }));
    return made.experiment_id;
  } catch (error) {
    if (!(error instanceof MlflowError) || error.errorCode !== 'RESOURCE_ALREADY_EXISTS') throw error;
    const Found = z.object({ experiment: z.object({ experiment_id: z.string() }) });
    const { experiment } = await mlflow.call('GET', 'experiments/get-by-name', { experiment_name: name }, Found);
    return experiment.experiment_id;
  }
};

/** The run that carries the key, started if there is none. Rivals must be kept out by the caller: MLflow has no unique keys. */
export const ensureRun = async (mlflow: MlflowClient, request: RunRequest): Promise<MlflowRun> => {
  const found = await findRun(mlflow, request);
  if (found) return found;
  const { run } = await mlflow.call(
    'POST',
    'runs/create',
    {
      experiment_id: request.experimentId,
      run_name: request.name,
      start_time: request.startedAt,
      tags: pairs({ ...request.tags, [KEY_TAG]: request.key }),
    },
    z.object({ run: z.object({ info: RunInfo }) }),
  );
  return run.info;
};

const findRun = async (mlflow: MlflowClient, request: RunRequest): Promise<MlflowRun | undefined> => {
  const Found = z.object({ runs: z.array(z.object({ info: RunInfo })).default([]) });
  const { runs } = await mlflow.call(
    'POST',
    'runs/search',
    {
      experiment_ids: [request.experimentId],
      filter: byKey(request.key),
      max_results: 1,
      order_by: ['start_time ASC'],
    },
    Found,
  );
  return runs[0]?.info;
};

const MOST_METRICS = 900;
const MOST_PAIRS = 100;
const LONGEST_PARAM = 6_000;
/** A tag of a run is cut after this. */
export const LONGEST_TAG = 8_000;

/**
 * Logs any number of metrics, parameters and tags in batches that MLflow takes (1000 entries, of them 100 parameters and 100 tags).
 * Repeating a batch with the same timestamps adds nothing; a parameter with another value is refused.
 */
export const logBatch = async (mlflow: MlflowClient, runId: string, batch: Batch): Promise<void> => {
  const { metrics = [], params = {}, tags = {} } = batch;
  for (const part of chunks(metrics, MOST_METRICS)) {
    await mlflow.call('POST', 'runs/log-batch', { run_id: runId, metrics: part }, Ignored);
  }
  for (const part of chunks(pairs(shortened(params, LONGEST_PARAM)), MOST_PAIRS)) {
    await mlflow.call('POST', 'runs/log-batch', { run_id: runId, params: part }, Ignored);
  }
  for (const part of chunks(pairs(shortened(tags, LONGEST_TAG)), MOST_PAIRS)) {
    await mlflow.call('POST', 'runs/log-batch', { run_id: runId, tags: part }, Ignored);
  }
};

/** Names the data a run read. A repetition with the same name and digest adds nothing. */
export const logDataset = async (mlflow: MlflowClient, runId: string, given: Dataset): Promise<void> => {
  const { context, sourceType, ...dataset } = given;
  const datasets = [
    { tags: pairs({ 'mlflow.data.context': context }), dataset: { ...dataset, source_type: sourceType } },
  ];
  await mlflow.call('POST', 'runs/log-inputs', { run_id: runId, datasets }, Ignored);
};

/** Closes a run as finished. */
export const finishRun = async (mlflow: MlflowClient, runId: string, endedAt: number): Promise<void> => {
  await mlflow.call('POST', 'runs/update', { run_id: runId, status: 'FINISHED', end_time: endedAt }, Ignored);
};

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));

const shortened = (record: Readonly<Record<string, string>>, most: number): Record<string, string> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, value.slice(0, most)]));
