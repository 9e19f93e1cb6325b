// The bindings: parameters that are refused, shapes that are refused, predictions of every kind, validation data, text and back.
import { beforeAll, expect, test } from 'vitest';
import { Booster } from '../../../adapters/lightgbm/booster.ts';
import { Dataset } from '../../../adapters/lightgbm/dataset.ts';
import { limitThreads, openLightGbm } from '../../../adapters/lightgbm/library.ts';
import { paramText, runParams } from '../../../adapters/lightgbm/params.ts';
import { meanAbsoluteContributions } from '../../../adapters/lightgbm/shap.ts';
import { rank } from '../../../core/learning/ranking.ts';
import { rocAuc } from '../../../core/learning/roc-auc.ts';
import { CATEGORICAL, FEATURE_NAMES, learningRows } from '../../support/learning-rows.ts';
import { lightGbmPath } from '../../support/lightgbm.ts';

const library = openLightGbm(lightGbmPath());
const run = { seed: 42, categoricalColumns: CATEGORICAL };
const params = runParams(library, { objective: 'binary', metric: 'auc' }, run);
const train = learningRows(5_000, 1);
const valid = learningRows(3_000, 2);
const dataset = Dataset.create(
  library,
  { matrix: train.matrix, labels: train.binary, featureNames: FEATURE_NAMES },
  params,
);
const booster = Booster.train(library, dataset, params);

beforeAll(() => {
  limitThreads(library, 2);
  for (let round = 0; round < 20; round += 1) booster.update();
});

test('a name given twice, by an alias too, an unknown one, and what the run gives are refused', () => {
  const build = (learner: Record<string, string | number>) => () => runParams(library, learner, run);
  expect(build({ eta: 0.1, learning_rate: 0.2 })).toThrow('given twice');
  expect(build({ learning_rat: 0.1 })).toThrow('no such parameter');
  expect(build({ random_state: 1 })).toThrow('may not set');
  expect(build({ input_model: 'x' })).toThrow('may not set');
  expect(() => paramText(runParams(library, { objective: 'binary num_leaves=2' }, run))).toThrow('parameter value');
});

test('wrong shapes are refused before native code reads past them', () => {
  const { values, rows, columns } = train.matrix;
  const input = { matrix: { values, rows: rows + 1, columns }, labels: train.binary, featureNames: FEATURE_NAMES };
  expect(() => Dataset.create(library, input, params)).toThrow('Expected');
  expect(() => booster.predict({ values: values.subarray(1), rows, columns }, 'raw', 1)).toThrow('Expected');
});

test('LightGBM’s own words reach the error', () => {
  expect(() => Booster.load(library, 'no model')).toThrow('LightGBM could not read the model text');
});

test('the model reads back and predicts the same; normal is the sigmoid of raw', () => {
  const loaded = Booster.load(library, booster.save());
  expect(loaded.trees).toBe(20);
  const raw = loaded.predict(valid.matrix, 'raw', 2);
  expect(raw).toEqual(booster.predict(valid.matrix, 'raw', 1));
  const normal = loaded.predict(valid.matrix, 'normal', 2);
  expect(Math.max(...normal.map((p, i) => Math.abs(p - 1 / (1 + Math.exp(-(raw[i] ?? 0))))))).toBeLessThan(1e-15);
  loaded.free();
});

test('contributions and bias add up to the raw score; the features that count stand far above one that does not', () => {
  const raw = booster.predict(valid.matrix, 'raw', 2);
  const parts = booster.predict(valid.matrix, 'contribution', 2);
  const width = FEATURE_NAMES.length + 1;
  const gaps = raw.map((score, row) =>
    Math.abs(parts.subarray(row * width, (row + 1) * width).reduce((sum, part) => sum + part, 0) - score),
  );
  expect(Math.max(...gaps)).toBeLessThan(1e-12);
  const means = meanAbsoluteContributions(booster, valid.matrix, 2);
  const gain = booster.importance('gain');
  for (const figures of [means, gain]) {
    const of = (name: string): number => figures[FEATURE_NAMES.indexOf(name)] ?? Number.NaN;
    expect(of('constant')).toBe(0);
    for (const name of ['a', 'c', 'd', 'small_category']) expect(of(name)).toBeGreaterThan(10 * of('b'));
  }
});

test('the validation metric is the ROC-AUC that we compute ourselves', () => {
  const reference = { reference: dataset, featureNames: FEATURE_NAMES };
  const judged = Dataset.create(library, { matrix: valid.matrix, labels: valid.binary, ...reference }, params);
  const fresh = Booster.train(library, dataset, params);
  fresh.addValid(judged);
  for (let round = 0; round < 5; round += 1) fresh.update();
  const [auc] = fresh.eval(1);
  expect(auc).toBeCloseTo(rocAuc(rank(valid.binary, fresh.predict(valid.matrix, 'raw', 2))), 12);
  fresh.free();
  judged.free();
});
