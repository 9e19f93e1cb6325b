// The verbs by which what people did in MLflow is undone: fetched from the trash, set back, taken down. For the reconciler.
import { Ignored, type MlflowClient } from './client.ts';

export const restoreRun = async (mlflow: MlflowClient, runId: string): Promise<void> => {
  await mlflow.call('POST', 'runs/restore', { run_id: runId }, Ignored);
};

export const restoreExperiment = async (mlflow: MlflowClient, experimentId: string): Promise<void> => {
  await mlflow.call('POST', 'experiments/restore', { experiment_id: experimentId }, Ignored);
};

export const deleteAlias = async (mlflow: MlflowClient, name: string, alias: string): Promise<void> => {
  await mlflow.call('DELETE', 'registered-models/alias', { name, alias }, Ignored);
};

export const deleteVersion = async (mlflow: MlflowClient, name: string, version: string): Promise<void> => {
  await mlflow.call('DELETE', 'model-versions/delete', { name, version }, Ignored);
};

export const deleteVersionTag = async (
  mlflow: MlflowClient,
  name: string,
  version: string,
  key: string,
): Promise<void> => {
  await mlflow.call('DELETE', 'model-versions/delete-tag', { name, version, key }, Ignored);
};
