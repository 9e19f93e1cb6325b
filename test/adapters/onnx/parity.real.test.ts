// The export against LightGBM itself on adversarial rows, for every kind of model we know to train; and that the gauge would see a fault.
import { expect, test } from 'vitest';
import { Booster } from '../../../adapters/lightgbm/booster.ts';
import { Dataset } from '../../../adapters/lightgbm/dataset.ts';
import { limitThreads, openLightGbm } from '../../../adapters/lightgbm/library.ts';
import { runParams } from '../../../adapters/lightgbm/params.ts';
import { adversarialRows } from '../../../adapters/onnx/adversarial.ts';
import { type ExportOptions, exportOnnx } from '../../../adapters/onnx/export.ts';
import { measureParity } from '../../../adapters/onnx/parity.ts';
import { openOnnx } from '../../../adapters/onnx/session.ts';
import { CATEGORICAL, FEATURE_NAMES, learningRows } from '../../support/learning-rows.ts';
import { lightGbmPath } from '../../support/lightgbm.ts';

type Params = Readonly<Record<string, string | number | boolean>>;
type Label = 'binary' | 'real' | 'grade';

const library = openLightGbm(lightGbmPath());
limitThreads(library, 2);
const data = learningRows(8_000, 1);
const ROWS = 12_000;

const train = (params: Params, label: Label): Booster => {
  const shared = { learning_rate: 0.1, min_data_in_leaf: 5, max_cat_to_onehot: 1, ...params };
  const all = runParams(library, shared, { seed: 42, categoricalColumns: CATEGORICAL });
  const groups = params.objective === 'lambdarank' ? { groups: data.groups } : {};
  const input = { matrix: data.matrix, labels: data[label], featureNames: FEATURE_NAMES, ...groups };
  const dataset = Dataset.create(library, input, all);
  const booster = Booster.train(library, dataset, all);
  for (let round = 0; round < 30; round += 1) if (booster.update()) break;
  return booster;
};

const parityOf = async (booster: Booster, options: ExportOptions = {}) => {
  const dump = booster.dump();
  const session = await openOnnx(exportOnnx(dump, options), { threads: 2 });
  const rows = adversarialRows(dump, { rows: ROWS, seed: 9 });
  const parity = await measureParity(booster, session, rows, 2);
  await session.release();
  return parity;
};

const kinds: readonly [string, Params, Label][] = [
  ['binary', { objective: 'binary' }, 'binary'],
  ['binary with a sigmoid of 2', { objective: 'binary', sigmoid: 2 }, 'binary'],
  ['binary, one-hot categories', { objective: 'binary', max_cat_to_onehot: 100 }, 'binary'],
  ['zeros as missing', { objective: 'binary', zero_as_missing: true }, 'binary'],
  ['missing values read as zero', { objective: 'binary', use_missing: false }, 'binary'],
  ['dart', { objective: 'binary', boosting: 'dart' }, 'binary'],
  [
    'random forest',
    { objective: 'binary', boosting: 'rf', bagging_freq: 1, bagging_fraction: 0.7, feature_fraction: 0.8 },
    'binary',
  ],
  ['multiclass', { objective: 'multiclass', num_class: 4 }, 'grade'],
  ['one class against all', { objective: 'multiclassova', num_class: 4 }, 'grade'],
  ['regression', { objective: 'regression' }, 'real'],
  ['regression on roots', { objective: 'regression', reg_sqrt: true }, 'real'],
  ['a constant', { objective: 'regression', min_data_in_leaf: 1_000_000 }, 'real'],
  ['quantile', { objective: 'quantile', alpha: 0.9 }, 'real'],
  ['poisson', { objective: 'poisson' }, 'grade'],
  ['lambdarank', { objective: 'lambdarank' }, 'grade'],
];

test.each(kinds)('%s: within 1e-9 on 12,000 adversarial rows', async (_, params, label) => {
  const { rows, maxAbsDifference } = await parityOf(train(params, label));
  expect(rows).toBe(ROWS);
  expect(maxAbsDifference).toBeLessThanOrEqual(1e-9);
});

test('calibrated inside the file: within 1e-9 of our own arithmetic', async () => {
  const booster = train({ objective: 'binary' }, 'binary');
  const { maxAbsDifference } = await parityOf(booster, { calibration: { slope: 0.8, intercept: -1.7 } });
  expect(maxAbsDifference).toBeLessThanOrEqual(1e-9);
});

test('only binary models can be calibrated', () => {
  const dump = train({ objective: 'multiclass', num_class: 4 }, 'grade').dump();
  expect(() => exportOnnx(dump, { calibration: { slope: 1, intercept: 0 } })).toThrow('Only a binary model');
});

test('the rows stand on every threshold and its neighbours, and the gauge sees a threshold moved by one rounding unit', async () => {
  const booster = train({ objective: 'binary' }, 'binary');
  const text = JSON.stringify(booster.dump());
  const thresholds = [...text.matchAll(/"split_feature":(\d+),"split_gain":[^,]+,"threshold":(-?[\d.e+-]+),/g)];
  const rows = adversarialRows(JSON.parse(text), { rows: ROWS, seed: 9 });
  const columns = FEATURE_NAMES.map((_, j) => new Set(rows.values.filter((__, i) => i % FEATURE_NAMES.length === j)));
  expect(thresholds.length).toBeGreaterThan(300);
  for (const [, feature, threshold] of thresholds) {
    if (Number(threshold) < 1e300) expect(columns[Number(feature)]?.has(Number(threshold))).toBe(true);
  }
  const view = new DataView(new ArrayBuffer(8));
  const moved = text.replace(/"threshold":(-?\d+\.\d+),/, (_, threshold: string) => {
    view.setFloat64(0, Number(threshold));
    view.setBigInt64(0, view.getBigInt64(0) - 1n);
    return `"threshold":${view.getFloat64(0)},`;
  });
  expect(moved).not.toBe(text);
  const session = await openOnnx(exportOnnx(JSON.parse(moved)), { threads: 2 });
  const { maxAbsDifference } = await measureParity(booster, session, rows, 2);
  expect(maxAbsDifference).toBeGreaterThan(1e-9);
});
