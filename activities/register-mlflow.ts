// Shows a registered version in MLflow: run, figures, pictures, card, logged model, model version. Everything is found by the version's
// key and carries its time, so that doing it again, after a kill at any point, changes nothing.
import type { LoadedPackage } from '../adapters/artifacts/model-package.ts';
import { putArtifact } from '../adapters/mlflow/artifacts.ts';
import type { MlflowClient } from '../adapters/mlflow/client.ts';
import {
  ensureExperiment,
  ensureRun,
  finishRun,
  logBatch,
  logDataset,
  type MlflowRun,
} from '../adapters/mlflow/experiments.ts';
import {
  ensureLoggedModel,
  ensureModelVersion,
  ensureRegisteredModel,
  finishLoggedModel,
  type LoggedModel,
  registeredName,
  setVersionTag,
} from '../adapters/mlflow/models.ts';
import type { MlflowIds, RegisteredVersion } from '../adapters/postgres/registry.ts';
import { renderSvg } from '../adapters/vega/render.ts';
import { allFigures, PACKAGE_FILES } from '../core/model-package.ts';
import { evaluationPictures } from '../core/pictures/index.ts';
import { picturesPage } from '../core/pictures/page.ts';

export interface Showing {
  readonly mlflow: MlflowClient;
  /** First part of names in MLflow: the environment's. */
  readonly prefix: string;
  readonly version: RegisteredVersion;
  readonly loaded: LoadedPackage;
  /** Key that vouches for the version. */
  readonly signature?: string;
  /** What a version that is made anew says besides, having said it before. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Address of the run in the Temporal UI. */
  readonly runUrl: string;
  /** Called before each of the `SHOW_STEPS`. */
  readonly onStep: (step: ShowStep) => void;
}

/** A version in its environment: all that decides what MLflow says of it. */
export type Shown = Pick<Showing, 'prefix' | 'version' | 'loaded'>;

export const SHOW_STEPS = ['run', 'pictures', 'logged model', 'figures', 'model version'] as const;
export type ShowStep = (typeof SHOW_STEPS)[number];

/** Name of the registered model in MLflow. */
export const mlflowName = ({ prefix, loaded }: Pick<Showing, 'prefix' | 'loaded'>): string =>
  registeredName(prefix, loaded.manifest.useCase, loaded.manifest.model);

/** Returns where MLflow shows the version. Rivals must be kept out by the caller: MLflow has no unique keys. */
export const showInMlflow = async (showing: Showing): Promise<MlflowIds> => {
  const { mlflow, prefix, loaded, onStep } = showing;
  const { useCase, model } = loaded.manifest;
  onStep('run');
  const experimentId = await ensureExperiment(mlflow, `/${prefix}/${useCase}/${model}`);
  const run = await openRun(showing, experimentId);
  onStep('pictures');
  await putPictures(showing, run);
  onStep('logged model');
  const logged = await logModel(showing, experimentId, run);
  onStep('figures');
  await logFigures(showing, run, logged);
  onStep('model version');
  const version = await putVersion(showing, run, logged);
  await finishRun(mlflow, run.runId, madeAt(showing));
  return { runId: run.runId, modelId: logged.modelId, version };
};

const madeAt = ({ version }: Showing): number => version.createdAt.getTime();
export const cardOf = ({ loaded }: Pick<Showing, 'loaded'>): string =>
  new TextDecoder().decode(loaded.files['card.md']);

const openRun = async (showing: Showing, experimentId: string): Promise<MlflowRun> => {
  const { mlflow, version, loaded, runUrl } = showing;
  const { manifest } = loaded;
  const run = await ensureRun(mlflow, {
    experimentId,
    key: version.key,
    name: `${manifest.model} ${manifest.lineage.asOf.slice(0, 10)} v${version.version}`,
    startedAt: madeAt(showing),
    tags: { 'mlflow.user': 'perennial', 'mlflow.source.name': runUrl, 'mlflow.source.type': 'JOB' },
  });
  await logBatch(mlflow, run.runId, {
    params: parameters(showing),
    tags: { ...runTags(showing), 'perennial.run': runUrl },
  });
  return run;
};

/** What a version's run says of it, but for its address. */
export const runTags = ({ version, loaded, prefix }: Shown): Record<string, string> => ({
  'mlflow.note.content': cardOf({ loaded }),
  'perennial.environment': prefix,
  'perennial.package': loaded.sha256,
  'perennial.version': String(version.version),
});

export const parameters = ({ loaded }: Shown): Record<string, string> => {
  const { learner, seed, asOf, source, codeVersion, planHash, split, trainingRows } = loaded.manifest.lineage;
  const { observationDays, gapDays, labelDays } = loaded.signature.windows;
  const given = {
    ...learner.params,
    learner: learner.kind,
    rounds: learner.rounds,
    seed,
    asOf,
    source,
    codeVersion,
    planHash,
  };
  const cuts = { trainingCuts: split.train.join(' '), calibrationCut: split.calibrate, testCut: split.test };
  const all = { ...given, ...cuts, observationDays, gapDays, labelDays, trainingRows };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, String(value)]));
};

const putPictures = async (showing: Showing, { artifactUri }: MlflowRun): Promise<void> => {
  const { mlflow, loaded } = showing;
  const { useCase, model } = loaded.manifest;
  const svgs = new Map<string, string>();
  for (const [name, spec] of evaluationPictures(loaded.evaluation)) svgs.set(name, await renderSvg(spec));
  for (const [name, svg] of svgs) await putArtifact(mlflow, artifactUri, `pictures/${name}.svg`, svg);
  await putArtifact(mlflow, artifactUri, 'pictures.html', picturesPage(`${useCase} / ${model}`, svgs));
  await putArtifact(mlflow, artifactUri, 'card.md', loaded.files['card.md']);
};

const logModel = async (showing: Showing, experimentId: string, { runId }: MlflowRun): Promise<LoggedModel> => {
  const { mlflow, version, loaded } = showing;
  const { key } = version;
  const name = loaded.manifest.model;
  const logged = await ensureLoggedModel(mlflow, { experimentId, runId, key, name, params: parameters(showing) });
  for (const path of PACKAGE_FILES) await putArtifact(mlflow, logged.artifactUri, path, loaded.files[path]);
  await putArtifact(mlflow, logged.artifactUri, 'manifest.json', loaded.manifestBytes);
  await finishLoggedModel(mlflow, runId, logged.modelId);
  return logged;
};

/** The figures appear at the run, at the logged model and under the dataset they were measured on. */
const logFigures = async (showing: Showing, { runId }: MlflowRun, { modelId }: LoggedModel): Promise<void> => {
  const { mlflow, loaded } = showing;
  const { inputs, trainingRows } = loaded.manifest.lineage;
  for (const { table, snapshot, key } of inputs) {
    await logDataset(mlflow, runId, {
      name: table,
      digest: key.slice(0, 36),
      sourceType: 'ducklake',
      source: JSON.stringify({ table, snapshot, key }),
      schema: JSON.stringify({ mlflow_colspec: columns(loaded) }),
      profile: JSON.stringify({ num_rows: trainingRows }),
      context: 'training',
    });
  }
  const [data] = inputs;
  const place = { timestamp: madeAt(showing), step: 0, model_id: modelId };
  const dataset = data === undefined ? {} : { dataset_name: data.table, dataset_digest: data.key.slice(0, 36) };
  const metrics = Object.entries(allFigures(loaded.evaluation));
  await logBatch(mlflow, runId, { metrics: metrics.map(([key, value]) => ({ key, value, ...place, ...dataset })) });
};

const columns = ({ signature }: LoadedPackage) =>
  signature.features.map(({ name, kind }) => ({
    name,
    type: kind === 'numeric' ? 'double' : 'string',
    required: true,
  }));

const putVersion = async (showing: Showing, { runId }: MlflowRun, { modelId }: LoggedModel): Promise<string> => {
  const { mlflow, version, loaded } = showing;
  const name = mlflowName(showing);
  await ensureRegisteredModel(mlflow, name, loaded.signature.output.meaning);
  const description = cardOf(showing);
  const tags = { ...versionTags(showing), ...showing.tags };
  const number = await ensureModelVersion(mlflow, { name, key: version.key, modelId, runId, description, tags });
  const tag = { key: SIGNATURE_TAG, value: showing.signature ?? '' };
  if (showing.signature !== undefined) await setVersionTag(mlflow, name, number, tag);
  return number;
};

/** The key that vouches for a version. */
export const SIGNATURE_TAG = 'perennial.signature';

/** What a model version says of itself from the beginning, beside its key. */
export const versionTags = ({ loaded, version }: Shown): Record<string, string> => ({
  'perennial.package': loaded.sha256,
  'perennial.version': String(version.version),
});
