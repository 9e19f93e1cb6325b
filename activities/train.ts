// Trains a model on its training cuts, in a child process that can be killed and resumed; its text is kept by content.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactRef } from '../core/artifact.ts';
import { contentKey, type Pin, sha256 } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import { balancedWeights } from '../core/learning/class-weights.ts';
import type { Moments, Plan } from '../core/plan.ts';
import type { Deps } from './deps.ts';
import {
  type Dictionaries,
  type Examples,
  extra,
  fitDictionaries,
  isCategorical,
  pinOf,
  readExamples,
  type Subject,
  subjectOf,
  type Tables,
} from './examples.ts';
import { type Frame, framed } from './heartbeat.ts';
import { withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';
import { once, type StepResult } from './step.ts';

/** Raise when this file trains something else from the same inputs. */
const STAGE_VERSION = 1;

export interface ModelRequest {
  readonly plan: ArtifactRef;
  readonly model: string;
  readonly moments: Moments;
  readonly pins: readonly Pin[];
}

export interface TrainedModel {
  /** LightGBM's own text. */
  readonly text: ArtifactRef;
  readonly dictionaries: Dictionaries;
  readonly rows: number;
  readonly positives: number;
  /** Hash of what the learner was given; absent in results kept by older versions of the program. */
  readonly matrix?: string;
  /** Identifies the training: equal keys, equal model text. */
  readonly key: string;
}

export const createTrainActivities = (deps: Deps) => ({
  trainModel: (request: ModelRequest): Promise<StepResult<TrainedModel>> =>
    framed(deps.crash, async (frame) => {
      const plan = await readPlan(deps, request.plan);
      const subject = subjectOf(plan, request.model);
      const key = trainingKey(plan, subject, request);
      return once(deps, { key, stage: 'train', lineage: frame.lineage }, () =>
        trainModel(deps, plan, subject, request, key, frame),
      );
    }),
});

const trainingKey = (plan: Plan, { model, view }: Subject, { pins, moments }: ModelRequest): string =>
  contentKey({
    stage: 'train',
    version: STAGE_VERSION,
    model: { features: model.features, learner: model.learner, label: model.label.column },
    seed: plan.seed,
    cuts: moments.split.train,
    inputs: [pinOf(pins, view.table).key, pinOf(pins, model.label.table).key],
  });

const trainModel = async (
  deps: Deps,
  plan: Plan,
  subject: Subject,
  request: ModelRequest,
  key: string,
  frame: Frame,
): Promise<TrainedModel> => {
  const { model, view } = subject;
  const rows = withLake(deps, frame.signal, async (lake) => {
    await lake.pin([pinOf(request.pins, view.table), pinOf(request.pins, model.label.table)]);
    return trainingRows(lake, subject, request.moments.split.train, frame);
  });
  const folder = path.join(deps.settings.stage, 'train', key.slice(0, 16));
  const text = await growModel(deps, plan, subject, rows, folder, frame);
  return trainedModel(await rows, await deps.artifacts.put(text), key);
};

/** What a learner is given: rows of the training cuts, and the hash of all of it. */
export interface TrainingRows {
  readonly dictionaries: Dictionaries;
  readonly examples: Examples;
  readonly labels: Float32Array;
  readonly weights: Float32Array;
  readonly positives: number;
  readonly sha256: string;
}

/** Reads the training cuts from tables that are readable by name. */
export const trainingRows = async (
  tables: Tables,
  subject: Subject,
  cuts: readonly string[],
  { onProgress }: Pick<Frame, 'onProgress'>,
): Promise<TrainingRows> => {
  const { label, name } = subject.model;
  const dictionaries = await fitDictionaries(tables, subject, cuts);
  const asked = { cuts, dictionaries, extras: [`l.${label.column}`], labelled: true };
  const examples = await readExamples(tables, subject, asked, onProgress);
  const labels = Float32Array.from(extra(examples, 0));
  const positives = labels.reduce((sum, one) => sum + one, 0);
  if (positives === 0 || positives === labels.length) {
    throw new PerennialError('INVALID_INPUT', `${name} cannot be trained: all ${labels.length} labels are equal`, {
      field: label.column,
      mend: 'Give more data or other cuts',
    });
  }
  const weights = balancedWeights(labels);
  return { dictionaries, examples, labels, weights, positives, sha256: hashOf([examples.values, labels, weights]) };
};

const hashOf = (arrays: readonly (Float64Array | Float32Array)[]): string =>
  sha256(arrays.map((array) => sha256(bytesOf(array))).join('\n'));

export const trainedModel = (rows: TrainingRows, text: ArtifactRef, key: string): TrainedModel => ({
  text,
  dictionaries: rows.dictionaries,
  rows: rows.examples.rows,
  positives: rows.positives,
  matrix: rows.sha256,
  key,
});

/** Grows the model in a child process; its text. The folder holds the child's files and checkpoints, and goes when it is done. */
export const growModel = async (
  { settings, trainer }: Deps,
  { seed }: Plan,
  subject: Subject,
  given: TrainingRows | Promise<TrainingRows>,
  folder: string,
  { signal, onProgress }: Pick<Frame, 'signal' | 'onProgress'>,
): Promise<Buffer> => {
  const { model } = subject;
  const { params, rounds, segmentRounds } = model.learner;
  const job = async () => {
    const { examples, labels, weights } = await given;
    const files = await writeFiles(folder, { matrix: examples.values, labels, weights });
    return {
      libraryPath: settings.lightgbmLibrary,
      matrixPath: files.matrix,
      labelsPath: files.labels,
      weightsPath: files.weights,
      rows: examples.rows,
      columns: model.features.length,
      categoricalColumns: model.features.flatMap((name, i) => (isCategorical(subject, name) ? [i] : [])),
      featureNames: [...model.features],
      params: { ...params },
      rounds,
      segmentRounds,
      seed,
      threads: settings.duckdb.threads,
      checkpointDirectory: path.join(folder, 'checkpoints'),
    };
  };
  const trained = await trainer.train(job(), { signal, onProgress });
  const text = await readFile(trained.modelPath);
  if (sha256(text) !== trained.sha256)
    throw new PerennialError('HASH_MISMATCH', 'the trained model changed on its way', { value: trained.sha256 });
  await rm(folder, { recursive: true, force: true });
  return text;
};

/** Arrays as raw little-endian files, the way children read them. */
export const writeFiles = async <Name extends string>(
  folder: string,
  arrays: Readonly<Record<Name, Float64Array | Float32Array>>,
): Promise<Record<Name, string>> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const written = {} as Record<Name, string>;
  for (const [name, array] of Object.entries<Float64Array | Float32Array>(arrays)) {
    const file = path.join(folder, `${name}.bin`);
    await writeFile(file, bytesOf(array));
    written[name as Name] = file;
  }
  return written;
};

const bytesOf = (array: Float64Array | Float32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
