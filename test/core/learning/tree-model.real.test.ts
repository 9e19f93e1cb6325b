// The trees as serving walks them, against LightGBM itself: equal scores on adversarial rows, equal SHAP values, unknown text refused.
import { describe, expect, it } from 'vitest';
import { Booster } from '../../../adapters/lightgbm/booster.ts';
import { Dataset } from '../../../adapters/lightgbm/dataset.ts';
import { limitThreads, openLightGbm } from '../../../adapters/lightgbm/library.ts';
import { runParams } from '../../../adapters/lightgbm/params.ts';
import { adversarialRows } from '../../../adapters/onnx/adversarial.ts';
import { rawScore, readTreeModel } from '../../../core/learning/tree-model.ts';
import { treeShap } from '../../../core/learning/tree-shap.ts';
import { CATEGORICAL, FEATURE_NAMES, learningRows } from '../../support/learning-rows.ts';
import { lightGbmPath } from '../../support/lightgbm.ts';

type Params = Readonly<Record<string, string | number | boolean>>;

const library = openLightGbm(lightGbmPath());
limitThreads(library, 1);
const data = learningRows(4_000, 1);
const width = FEATURE_NAMES.length;

const trained = new Map<Params, Booster>();
const train = (params: Params): Booster => {
  const booster = trained.get(params) ?? grow(params);
  trained.set(params, booster);
  return booster;
};

const grow = (params: Params): Booster => {
  const shared = { objective: 'binary', learning_rate: 0.1, min_data_in_leaf: 5, max_cat_to_onehot: 1, ...params };
  const all = runParams(library, shared, { seed: 42, categoricalColumns: CATEGORICAL });
  const input = { matrix: data.matrix, labels: data.binary, featureNames: FEATURE_NAMES };
  const booster = Booster.train(library, Dataset.create(library, input, all), all);
  for (let round = 0; round < 30; round += 1) if (booster.update()) break;
  return booster;
};

const plain: Params = {};
const kinds: readonly [string, Params][] = [
  ['binary', plain],
  ['one-hot categories', { max_cat_to_onehot: 100 }],
  ['zeros as missing', { zero_as_missing: true }],
  ['missing values read as zero', { use_missing: false }],
  ['dart', { boosting: 'dart' }],
  ['deep trees', { num_leaves: 127, min_data_in_leaf: 1 }],
  ['single leaves', { min_data_in_leaf: 1_000_000 }],
];

const rowOf = (values: Float64Array, row: number) => values.subarray(row * width, (row + 1) * width);

describe('the walk over the model text', () => {
  it.each(kinds)('%s: bit-equal to LightGBM on 5,000 adversarial rows', (_, params) => {
    const booster = train(params);
    const rows = adversarialRows(booster.dump(), { rows: 5_000, seed: 9 });
    const native = booster.predict(rows, 'raw', 1);
    const model = readTreeModel(booster.save());
    expect(model.features).toEqual(FEATURE_NAMES);
    const ours = native.map((__, row) => rawScore(model, rowOf(rows.values, row)));
    expect(ours.filter((score, row) => !Object.is(score, native[row]))).toEqual(new Float64Array(0));
  });

  it.each(kinds)('%s: SHAP values as LightGBM computes them, and they sum to the score', (_, params) => {
    const booster = train(params);
    const rows = adversarialRows(booster.dump(), { rows: 300, seed: 5 });
    const native = booster.predict(rows, 'contribution', 1);
    const model = readTreeModel(booster.save());
    const explain = treeShap(model);
    let [worst, unsummed] = [0, 0];
    for (let row = 0; row < rows.rows; row += 1) {
      const values = rowOf(rows.values, row);
      const { expected, contributions } = explain(values);
      const theirs = native.subarray(row * (width + 1), (row + 1) * (width + 1));
      for (const [i, value] of [...contributions, expected].entries())
        worst = Math.max(worst, Math.abs(value - (theirs[i] ?? Number.NaN)));
      const sum = contributions.reduce((total, value) => total + value, expected);
      unsummed = Math.max(unsummed, Math.abs(sum - rawScore(model, values)));
    }
    expect(worst).toBeLessThanOrEqual(1e-6);
    expect(unsummed).toBeLessThanOrEqual(1e-6);
  });

  it.each([
    ['no model', () => 'tree', /no LightGBM model text/],
    ['another version', (text: string) => text.replace('version=v4', 'version=v9'), /another version/],
    ['linear trees', (text: string) => text.replace('is_linear=0', 'is_linear=1'), /linear trees/],
    ['several outputs', (text: string) => text.replace('tree_per_iteration=1', 'tree_per_iteration=3'), /outputs/],
    ['an average', (text: string) => text.replace('tree_sizes', 'average_output\ntree_sizes'), /average/],
    ['a column cut short', (text: string) => text.replace(/^leaf_value=\S+ /m, 'leaf_value='), /leaf_value/],
    ['a number that is none', (text: string) => text.replace(/^leaf_value=\S+/m, 'leaf_value=x'), /leaf_value/],
    ['another decision', (text: string) => text.replace(/^decision_type=\S+/m, 'decision_type=12'), /decide/],
  ])('refuses %s', (_, change, reason) => {
    expect(() => readTreeModel(change(train(plain).save()))).toThrow(reason);
  });
});
