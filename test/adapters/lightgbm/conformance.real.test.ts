// One segment of our training equals Python's LightGBM byte for byte, on the same data and parameters, for several objectives.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Dataset } from '../../../adapters/lightgbm/dataset.ts';
import { limitThreads, openLightGbm } from '../../../adapters/lightgbm/library.ts';
import { runParams } from '../../../adapters/lightgbm/params.ts';
import { trainSegment } from '../../../adapters/lightgbm/train.ts';
import { balancedWeights } from '../../../core/learning/class-weights.ts';
import { planSegments } from '../../../core/learning/segments.ts';
import { CATEGORICAL, FEATURE_NAMES, learningRows } from '../../support/learning-rows.ts';
import { lightGbmPath } from '../../support/lightgbm.ts';
import { peersPython } from '../../support/peers.ts';

const ROUNDS = 30;
const library = openLightGbm(lightGbmPath());
const data = learningRows(20_000, 1);
let folder = '';
let python = '';
beforeAll(async () => {
  python = await peersPython();
  limitThreads(library, 2);
  folder = mkdtempSync(join(tmpdir(), 'conformance-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Case {
  readonly params: Readonly<Record<string, string | number | boolean>>;
  readonly labels: Float32Array;
  readonly weights?: Float32Array;
  readonly groups?: Int32Array;
}

const sampled = { feature_fraction: 0.8, bagging_fraction: 0.8, bagging_freq: 5 };
const cases: Readonly<Record<string, Case>> = {
  'binary, sampled, balanced': {
    params: { objective: 'binary', learning_rate: 0.05, max_depth: 6, num_leaves: 31, ...sampled },
    labels: data.binary,
    weights: balancedWeights(data.binary),
  },
  'binary, plain': { params: { objective: 'binary' }, labels: data.binary },
  'four classes': { params: { objective: 'multiclass', num_class: 4 }, labels: data.grade },
  'ranking by query': { params: { objective: 'lambdarank' }, labels: data.grade, groups: data.groups },
  quantile: { params: { objective: 'quantile', alpha: 0.9 }, labels: data.real, weights: data.weights },
};

test.each(Object.entries(cases))('%s: our model text is Python’s', async (_, given) => {
  const ours = await trainHere(given);
  const theirs = trainInPython(given);
  expect(trees(ours)).toBe(trees(theirs));
  expect(trees(ours).length).toBeGreaterThan(10_000);
});

/** All up to the footer's end; after it Python adds its own line on pandas. `num_iterations` is the one parameter only Python is told. */
const trees = (text: string): string =>
  text.slice(0, text.indexOf('end of parameters')).replace(/\[num_iterations: \d+\]/, '');

const trainHere = async ({ params, labels, weights, groups }: Case): Promise<string> => {
  const all = runParams(library, params, { seed: 42, categoricalColumns: CATEGORICAL });
  const extras = { ...(weights && { weights }), ...(groups && { groups }) };
  const dataset = Dataset.create(library, { matrix: data.matrix, labels, featureNames: FEATURE_NAMES, ...extras }, all);
  const [segment] = planSegments(ROUNDS, ROUNDS, 42);
  if (segment === undefined) throw new Error('no segment');
  const input = { library, dataset, matrix: data.matrix, params: all, threads: 2, segment };
  const { modelText } = await trainSegment(input);
  dataset.free();
  return modelText;
};

const trainInPython = ({ params, labels, weights, groups }: Case): string => {
  const job = {
    matrix: file('matrix', data.matrix.values),
    labels: file('labels', labels),
    ...(weights && { weights: file('weights', weights) }),
    ...(groups && { groups: file('groups', groups) }),
    features: FEATURE_NAMES,
    categorical: CATEGORICAL,
    params: { ...params, seed: 42, verbosity: -1, deterministic: true, force_col_wise: true },
    rounds: ROUNDS,
  };
  const script = join(import.meta.dirname, 'reference.py');
  const options = { input: JSON.stringify(job), encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  return execFileSync(python, [script], options);
};

const file = (name: string, values: Float64Array | Float32Array | Int32Array): string => {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(values.buffer));
  return path;
};
