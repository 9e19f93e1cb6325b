// Trains a version again, from the features that were computed again, in a folder and without a checkpoint of its first making.
import path from 'node:path';
import { loadPackage } from '../../adapters/artifacts/model-package.ts';
import type { Moments } from '../../core/plan.ts';
import { check, type StageCheck } from '../../core/reproduction.ts';
import type { Deps } from '../deps.ts';
import { pinOf, type Subject, subjectOf } from '../examples.ts';
import type { Frame } from '../heartbeat.ts';
import { withLake } from '../lake-session.ts';
import { readPlan } from '../plan.ts';
import { growModel, type TrainedModel, trainedModel, trainingRows } from '../train.ts';
import type { Recalled } from './recall.ts';
import { scratchOf, withRebuilt } from './tables.ts';

export interface Retrained {
  readonly checks: readonly StageCheck[];
  readonly trained: TrainedModel;
}

export const retrain = async (deps: Deps, recalled: Recalled, moments: Moments, frame: Frame): Promise<Retrained> => {
  const plan = await readPlan(deps, recalled.plan);
  const { manifest } = await loadPackage(deps.artifacts, recalled.package);
  const subject = subjectOf(plan, manifest.model);
  const cuts = moments.split.train;
  const rows = await withRebuilt(deps, recalled, frame, (tables) => trainingRows(tables, subject, cuts, frame));
  const folder = path.join(scratchOf(deps.settings.stage, recalled.attempt), 'train');
  const text = await deps.artifacts.put(await growModel(deps, plan, subject, rows, folder, frame));
  const recorded = manifest.lineage.trainingMatrix ?? (await matrixInLake(deps, recalled, subject, frame));
  const how =
    manifest.lineage.trainingMatrix === undefined ? '; none was recorded: compared with the lake of then' : '';
  return {
    trained: trainedModel(rows, text, recalled.attempt),
    checks: [
      check('matrix', recorded, rows.sha256, `${rows.examples.rows} rows${how}`),
      check('model', manifest.files.find((file) => file.path === 'model.txt')?.sha256 ?? '', text.sha256),
    ],
  };
};

/** What training was given, read again from the recorded snapshots. */
const matrixInLake = (deps: Deps, { inputs, moments }: Recalled, subject: Subject, frame: Frame): Promise<string> =>
  withLake(deps, frame.signal, async (lake) => {
    await lake.pin([pinOf(inputs, subject.view.table), pinOf(inputs, subject.model.label.table)]);
    return (await trainingRows(lake, subject, moments.split.train, frame)).sha256;
  });
