// Judges and packs a version again, and compares file by file with the package that was registered.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type LoadedPackage, loadPackage } from '../../adapters/artifacts/model-package.ts';
import { sha256 } from '../../core/commit.ts';
import { modelCard } from '../../core/model-card.ts';
import { buildPackage, type Lineage, type ModelPackage, type ModelParts } from '../../core/model-package.ts';
import type { Moments } from '../../core/plan.ts';
import { check, type StageCheck } from '../../core/reproduction.ts';
import type { Deps } from '../deps.ts';
import { subjectOf } from '../examples.ts';
import type { Frame } from '../heartbeat.ts';
import { judgeRows, judgingRows } from '../judge.ts';
import { readPlan } from '../plan.ts';
import type { TrainedModel } from '../train.ts';
import type { Recalled } from './recall.ts';
import { scratchOf, withRebuilt } from './tables.ts';

export const repack = async (
  deps: Deps,
  recalled: Recalled,
  { moments, trained }: { moments: Moments; trained: TrainedModel },
  frame: Frame,
): Promise<StageCheck[]> => {
  const plan = await readPlan(deps, recalled.plan);
  const loaded = await loadPackage(deps.artifacts, recalled.package);
  const { lineage, model } = loaded.manifest;
  const subject = subjectOf(plan, model);
  const request = {
    plan: recalled.plan,
    model,
    moments,
    pins: recalled.inputs,
    trained: asRecorded(trained, lineage),
    ...(recalled.truth === undefined ? {} : { truth: recalled.truth }),
  };
  const folder = path.join(scratchOf(deps.settings.stage, recalled.attempt), 'judge');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const read = () =>
    withRebuilt(deps, recalled, frame, (tables) => judgingRows(tables, subject, request, folder, frame));
  const then = { ...deps, settings: { ...deps.settings, codeVersion: lineage.codeVersion } };
  const { parts, judgement } = await judgeRows(then, plan, subject, request, read, folder, frame);
  const question = subject.model.question;
  const { taken, parts: whole } = withCeiling(parts, loaded, (all) =>
    modelCard({ ...all, question, parity: judgement.parity }),
  );
  const built = buildPackage(whole);
  const onnx = loaded.manifest.files.find((file) => file.path === 'model.onnx')?.sha256 ?? '';
  return [
    check('onnx', onnx, sha256(parts.onnx)),
    check('package', loaded.sha256, built.sha256, noteOf(built, loaded, taken)),
  ];
};

/** A version from before the hash of its matrix was recorded is packed without it. */
const asRecorded = ({ matrix, ...trained }: TrainedModel, { trainingMatrix }: Lineage): TrainedModel =>
  trainingMatrix === undefined || matrix === undefined ? trained : { ...trained, matrix };

/** The figures of the planted truth, where the version was judged beside it and nobody gave it this time. */
const withCeiling = (
  parts: ModelParts,
  { evaluation }: LoadedPackage,
  card: (parts: ModelParts) => string,
): { taken: boolean; parts: ModelParts } => {
  if (evaluation.oracle === undefined || parts.evaluation.oracle !== undefined) return { taken: false, parts };
  const whole = { ...parts, evaluation: { ...parts.evaluation, oracle: evaluation.oracle } };
  return { taken: true, parts: { ...whole, card: card(whole) } };
};

const noteOf = ({ manifest, sha256: hash }: ModelPackage, loaded: LoadedPackage, taken: boolean): string => {
  const moved = manifest.files
    .filter((file, i) => file.sha256 !== loaded.manifest.files[i]?.sha256)
    .map((file) => file.path);
  const lineage = hash !== loaded.sha256 && moved.length === 0 ? ['its lineage differs'] : [];
  const files = moved.length === 0 ? lineage : [`other bytes in ${moved.join(', ')}`];
  return [...files, ...(taken ? ['figures of the planted truth taken as recorded'] : [])].join('; ');
};
