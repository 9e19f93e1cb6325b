// What one row costs: our walk over the trees, LightGBM's own fast call for single rows, and ONNX Runtime; and what the reasons cost.
// `node --import tsx bench/scoring.ts`: 100 trees × 12 features, one thread, microseconds a row, medians of rounds that take turns.
import koffi from 'koffi';
import { Booster } from '../adapters/lightgbm/booster.ts';
import { Dataset, FLOAT64 } from '../adapters/lightgbm/dataset.ts';
import { check, limitThreads, type Out, openLightGbm } from '../adapters/lightgbm/library.ts';
import { runParams } from '../adapters/lightgbm/params.ts';
import { exportOnnx } from '../adapters/onnx/export.ts';
import { openOnnx } from '../adapters/onnx/session.ts';
import { rawScore, readTreeModel } from '../core/learning/tree-model.ts';
import { treeShap } from '../core/learning/tree-shap.ts';
import { CATEGORICAL, FEATURE_NAMES, learningRows } from '../test/support/learning-rows.ts';
import { lightGbmPath } from '../test/support/lightgbm.ts';

const ROUNDS = 9;
const TREES = 100;
const ROWS = 2_000;
const RAW = 1;
const width = FEATURE_NAMES.length;

const library = openLightGbm(lightGbmPath());
limitThreads(library, 1);
const data = learningRows(20_000, 1);
const params = runParams(
  library,
  { objective: 'binary', learning_rate: 0.1, num_leaves: 31 },
  { seed: 42, categoricalColumns: CATEGORICAL },
);
const dataset = Dataset.create(
  library,
  { matrix: data.matrix, labels: data.binary, featureNames: FEATURE_NAMES },
  params,
);
const booster = Booster.train(library, dataset, params);
for (let tree = 0; tree < TREES; tree += 1) booster.update();
const rows = Array.from({ length: ROWS }, (_, i) => data.matrix.values.slice(i * width, (i + 1) * width));

/** LightGBM's C API for single rows, configured once. */
const nativeFast = (): ((row: Float64Array) => number) => {
  const native = koffi.load(lightGbmPath());
  const init = native.func(
    'int LGBM_BoosterPredictForMatSingleRowFastInit(void* b, int type, int start, int n, int data, int32_t columns, const char* params, _Out_ void** out)',
  );
  const predict = native.func(
    'int LGBM_BoosterPredictForMatSingleRowFast(void* config, const double* row, _Out_ int64_t* length, double* out)',
  );
  const config: Out<unknown> = [null];
  check(library.calls, init(booster.handle, RAW, 0, -1, FLOAT64, width, 'num_threads=1', config), 'prepare');
  const [length, out] = [[0], new Float64Array(1)];
  return (row) => {
    check(library.calls, predict(config[0], row, length, out), 'predict');
    return out[0] as number;
  };
};

const model = readTreeModel(booster.save());
const explain = treeShap(model);
const native = nativeFast();
const session = await openOnnx(exportOnnx(booster.dump()), { threads: 1 });
const onnx = async (row: Float64Array) => (await session.score(row, 1)).raw[0] as number;

const contenders: readonly (readonly [string, number, (row: Float64Array) => unknown])[] = [
  ['walk over the trees', ROWS, (row) => rawScore(model, row)],
  ['LightGBM PredictForMatSingleRowFast (koffi)', ROWS, native],
  ['ONNX Runtime, one row', ROWS, onnx],
  ['TreeSHAP, one row', 200, (row) => explain(row)],
];

let [unlikeNative, unlikeOnnx] = [0, 0];
for (const row of rows) {
  unlikeNative = Math.max(unlikeNative, Math.abs(rawScore(model, row) - native(row)));
  unlikeOnnx = Math.max(unlikeOnnx, Math.abs(rawScore(model, row) - (await onnx(row))));
}
const micros = new Map<string, number[]>();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, count, score] of contenders) {
    const begun = performance.now();
    for (let i = 0; i < count; i += 1) {
      const scored = score(rows[i] as Float64Array);
      if (scored instanceof Promise) await scored;
    }
    // The first round warms up.
    if (round > 0) micros.set(name, [...(micros.get(name) ?? []), ((performance.now() - begun) * 1_000) / count]);
  }
}
for (const [name, taken] of micros) {
  const sorted = taken.toSorted((a, b) => a - b);
  console.log(
    `${name.padEnd(46)} ${(sorted[sorted.length >> 1] ?? 0).toFixed(2).padStart(8)} µs (${sorted.map((t) => t.toFixed(1)).join(' ')})`,
  );
}
console.log(`largest difference of raw scores: ${unlikeNative} from LightGBM, ${unlikeOnnx} from ONNX`);
await session.release();
