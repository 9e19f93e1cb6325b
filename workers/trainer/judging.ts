// Judging: calibrates a trained model, judges it on the test cut, exports it to ONNX, and holds the export against the model.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Booster } from '../../adapters/lightgbm/booster.ts';
import type { Matrix } from '../../adapters/lightgbm/dataset.ts';
import { limitThreads, openLightGbm } from '../../adapters/lightgbm/library.ts';
import { meanAbsoluteContributions } from '../../adapters/lightgbm/shap.ts';
import { adversarialRows } from '../../adapters/onnx/adversarial.ts';
import { exportOnnx } from '../../adapters/onnx/export.ts';
import { measureParity } from '../../adapters/onnx/parity.ts';
import { openOnnx } from '../../adapters/onnx/session.ts';
import { curvesOf, evaluate, gapTo, type Judged } from '../../core/learning/evaluate.ts';
import { calibrated, fitPlatt, type Platt } from '../../core/learning/platt.ts';
import type { Evaluation, Figures } from '../../core/model-package.ts';
import type { JudgeRequest, JudgeResult } from './judge-protocol.ts';

const PARITY_ROWS = 10_000;
const STEPS = 4;

type Tell = (progress: { stage: string; done: number; total: number; unit: string }) => Promise<void>;

export const judgeModel = async (request: JudgeRequest, tell: Tell): Promise<JudgeResult> => {
  const step = (stage: string, done: number) => tell({ stage, done, total: STEPS, unit: 'steps' });
  const library = openLightGbm(request.libraryPath);
  limitThreads(library, request.threads);
  const booster = Booster.load(library, readFileSync(request.modelPath, 'utf8'));
  await step('calibrate', 0);
  const calibration = calibrate(booster, request);
  await step('judge', 1);
  const { evaluation, gap } = judge(booster, calibration, request);
  await step('export to ONNX', 2);
  const dump = booster.dump();
  const onnx = exportOnnx(dump, { calibration });
  const onnxPath = path.join(request.out, 'model.onnx');
  writeFileSync(onnxPath, onnx);
  await step('hold the export against the model', 3);
  const session = await openOnnx(onnx, { threads: request.threads });
  const rows = adversarialRows(dump, { rows: PARITY_ROWS, seed: request.seed });
  const { maxAbsDifference } = await measureParity(booster, session, rows, request.threads);
  await session.release();
  booster.free();
  return {
    evaluation,
    calibration,
    gap,
    onnxPath,
    parity: { rows: rows.rows, maxAbsDifference },
  };
};

const numbers = (file: string): Float64Array => {
  const bytes = readFileSync(file);
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};

const matrixOf = ({ matrix, rows }: { matrix: string; rows: number }, { features }: JudgeRequest): Matrix => ({
  values: numbers(matrix),
  rows,
  columns: features.length,
});

/** Balanced weights distort probabilities; a later cut that training has not seen sets them right. */
const calibrate = (booster: Booster, request: JudgeRequest): Platt => {
  const raw = booster.predict(matrixOf(request.calibrate, request), 'raw', request.threads);
  return fitPlatt(raw, numbers(request.calibrate.labels));
};

const judge = (
  booster: Booster,
  calibration: Platt,
  request: JudgeRequest,
): { evaluation: Evaluation; gap: JudgeResult['gap'] } => {
  const { test, seed, threads, features, baselineName } = request;
  const matrix = matrixOf(test, request);
  const labels = numbers(test.labels);
  const probability = booster.predict(matrix, 'raw', threads).map((raw) => calibrated(calibration, raw));
  const model = evaluate(labels, probability, { probabilities: true, seed });
  const rule = evaluate(labels, numbers(test.baseline), { probabilities: false, seed });
  const oracle =
    test.oracle === undefined ? undefined : evaluate(labels, numbers(test.oracle), { probabilities: true, seed });
  const shap = meanAbsoluteContributions(booster, matrix, threads);
  const gain = booster.importance('gain');
  const splits = booster.importance('splits');
  return {
    gap: oracle === undefined ? {} : gapTo(model, oracle, seed),
    evaluation: {
      test: { cut: test.cut, rows: test.rows, positives: labels.reduce((sum, label) => sum + label, 0) },
      ...section(model, true),
      baseline: { name: baselineName, ...section(rule, false) },
      ...(oracle === undefined ? {} : { oracle: section(oracle, true) }),
      importance: features.map(({ name }, i) => ({ feature: name, gain: gain[i] ?? 0, splits: splits[i] ?? 0 })),
      shap: features.map(({ name }, i) => ({ feature: name, meanAbsolute: shap[i] ?? 0, direction: null })),
    },
  };
};

const section = (judged: Judged, probabilities: boolean): { figures: Figures; curves: Evaluation['curves'] } => ({
  figures: Object.fromEntries(
    Object.entries(judged.figures).map(([name, { value, low, high }]) => [name, { value, low, high }]),
  ),
  curves: curvesOf(judged, probabilities),
});
