// A package as training makes it, loaded as serving loads it: its trees score single rows as ONNX scores many, and explain them; a package
// whose two copies of the model differ is refused, and one whose text says something unknown is scored by ONNX alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Booster } from '../../../adapters/lightgbm/booster.ts';
import { Dataset } from '../../../adapters/lightgbm/dataset.ts';
import { limitThreads, openLightGbm } from '../../../adapters/lightgbm/library.ts';
import { runParams } from '../../../adapters/lightgbm/params.ts';
import { exportOnnx } from '../../../adapters/onnx/export.ts';
import { openOnnx } from '../../../adapters/onnx/session.ts';
import { buildPackage, type ModelPackage } from '../../../core/model-package.ts';
import { loadPackage } from '../../../serving/load-package.ts';
import type { FeatureValues, LoadedModel } from '../../../serving/ports.ts';
import { Explainer } from '../../../serving/scoring/explainer.ts';
import { CATEGORICAL, FEATURE_NAMES, learningRows } from '../../support/learning-rows.ts';
import { lightGbmPath } from '../../support/lightgbm.ts';
import { served } from '../fakes.ts';
import { partsOf } from '../packages.ts';
import { categoryNames as names, trainedSignature as signature } from '../trained-package.ts';

const data = learningRows(4_000, 3);
const width = FEATURE_NAMES.length;
let booster: Booster;
let text: string;
beforeAll(() => {
  const library = openLightGbm(lightGbmPath());
  limitThreads(library, 1);
  const params = runParams(
    library,
    { objective: 'binary', min_data_in_leaf: 5 },
    { seed: 1, categoricalColumns: CATEGORICAL },
  );
  const input = { matrix: data.matrix, labels: data.binary, featureNames: FEATURE_NAMES };
  booster = Booster.train(library, Dataset.create(library, input, params), params);
  for (let tree = 0; tree < 100; tree += 1) booster.update();
  text = booster.save();
});
afterAll(() => booster?.free());

const explainer = new Explainer();
afterAll(() => explainer.close());

const load = async (nativeText: string): Promise<LoadedModel> => {
  const onnx = exportOnnx(booster.dump(), { calibration: signature.calibration });
  const made: ModelPackage = buildPackage({ ...partsOf(onnx, signature), nativeText });
  const { files, manifest, manifestBytes, sha256 } = made;
  const bytes = new Map<string, Uint8Array>(manifest.files.map((file) => [file.sha256, files[file.path]]));
  bytes.set(sha256, manifestBytes);
  const signed = [{ path: 'manifest.json', sha256 }, ...manifest.files];
  const vouched = { by: 'k', files: new Map<string, string>(signed.map((file) => [file.path, file.sha256])) };
  const get = async (hash: string) => Buffer.from(bytes.get(hash) ?? []);
  return loadPackage(
    { get },
    (found) => openOnnx(found, { threads: 1 }),
    served.registered,
    sha256,
    vouched,
    explainer,
  );
};

/** Row i as the online store would give it. */
const features = (row: number): FeatureValues =>
  Object.fromEntries(
    FEATURE_NAMES.map((name, i) => {
      const value = data.matrix.values[row * width + i] ?? Number.NaN;
      if (Number.isNaN(value)) return [name, null];
      return [name, CATEGORICAL.includes(i) ? (names[value] ?? null) : value];
    }),
  );

/** Each number a millionth larger. */
const moved = (numbers: string): string =>
  numbers
    .split(' ')
    .map((text) => Number(text) + 1e-6)
    .join(' ');

describe('a package in memory', () => {
  it('scores one row by its trees as it scores many by ONNX', async () => {
    const model = await load(text);
    expect(model.scorer).toBe('trees');
    const rows = Array.from({ length: 500 }, (_, row) => features(row));
    const many = await model.scoreMany(rows);
    const differences = await Promise.all(
      rows.map(async (row, i) => Math.abs((await model.score(row)) - (many[i] ?? Number.NaN))),
    );
    expect(Math.max(...differences)).toBeLessThanOrEqual(1e-9);
    const few = rows.slice(0, 3);
    expect(Array.from(await model.scoreMany(few))).toEqual(await Promise.all(few.map((row) => model.score(row))));
    await model.close();
  });

  it('explains a row: what LightGBM says, by name, summing to the raw score that the probability is made of', async () => {
    const model = await load(text);
    for (let row = 0; row < 50; row += 1) {
      const values = data.matrix.values.slice(row * width, (row + 1) * width);
      const native = booster.predict({ values, rows: 1, columns: width }, 'contribution', 1);
      const [reasons] = (await model.explain?.([features(row)])) ?? [];
      const { expected, raw, contributions } = reasons ?? { expected: 0, raw: 0, contributions: [] };
      expect(contributions.map(([name]) => name)).toEqual(FEATURE_NAMES);
      const ours = [...contributions.map(([, value]) => value), expected];
      expect(Math.max(...ours.map((value, i) => Math.abs(value - (native[i] ?? Number.NaN))))).toBeLessThanOrEqual(
        1e-6,
      );
      expect(ours.reduce((sum, value) => sum + value, 0)).toBeCloseTo(raw, 6);
      expect(1 / (1 + Math.exp(-(0.9 * raw - 0.2)))).toBeCloseTo(await model.score(features(row)), 12);
    }
    await model.close();
  });

  it.each([
    [
      'a tree',
      (given: string) => given.replace(/^leaf_value=(.+)/m, (_, leaves: string) => `leaf_value=${moved(leaves)}`),
    ],
    ['the trees in another number', (given: string) => given.replace(/\nTree=99\n[\s\S]*?(?=\nend of trees)/, '\n')],
  ])('is refused where text and graph differ by %s', async (_, change) => {
    expect(change(text)).not.toBe(text);
    await expect(load(change(text))).rejects.toMatchObject({ code: 'PARITY_BROKEN', context: { field: 'model.txt' } });
  });

  it('is scored by ONNX alone, and says why, where the text says something unknown', async () => {
    const model = await load(text.replace('version=v4', 'version=v5'));
    expect(model.scorer).toMatch(/^onnx \(.*another version of the format/);
    expect(model.explain).toBeUndefined();
    expect(await model.score(features(0))).toBeCloseTo((await model.scoreMany([features(0)]))[0] ?? Number.NaN, 15);
    await model.close();
  });
});
