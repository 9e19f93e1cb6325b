// The exporter on a model small enough to compute by hand, scored by ONNX Runtime; and the session's own promises.
import { expect, test } from 'vitest';
import { exportOnnx } from '../../../adapters/onnx/export.ts';
import { inspectOnnx } from '../../../adapters/onnx/inspect.ts';
import { openOnnx } from '../../../adapters/onnx/session.ts';

const leaf = (leaf_value: number) => ({ leaf_value });
const split = (split_feature: number, decision_type: string, threshold: number | string, more: object) => ({
  split_feature,
  decision_type,
  threshold,
  default_left: false,
  missing_type: 'NaN',
  ...more,
});

/** Age ≤ 30: +1, else −1 (null: −1) · colour 0 or 2: +0.5, else −0.25 · a tree of one leaf: +0.125. */
const dump = {
  num_tree_per_iteration: 1,
  average_output: false,
  objective: 'binary sigmoid:1',
  feature_names: ['age', 'colour'],
  tree_info: [
    { tree_structure: split(0, '<=', 30, { left_child: leaf(1), right_child: leaf(-1) }) },
    { tree_structure: split(1, '==', '0||2', { left_child: leaf(0.5), right_child: leaf(-0.25) }) },
    { tree_structure: leaf(0.125) },
  ],
};
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const rows = Float64Array.of(30, 0, 30.000000000000004, 2, Number.NaN, 1, 20, Number.NaN, Number.POSITIVE_INFINITY, 7);
const expected = [1.625, -0.375, -1.125, 0.875, -1.125];

test('scores as computed by hand', async () => {
  const session = await openOnnx(exportOnnx(dump), { threads: 1 });
  const { raw, probability } = await session.score(rows, 5);
  expect([...raw]).toEqual(expected);
  expect(Math.max(...probability.map((p, i) => Math.abs(p - sigmoid(expected[i] ?? Number.NaN))))).toBeLessThan(1e-15);
  await session.release();
});

test('a calibration works on the raw score, which stays as it was', async () => {
  const session = await openOnnx(exportOnnx(dump, { calibration: { slope: 0.5, intercept: -2 } }), { threads: 1 });
  const { raw, probability } = await session.score(rows, 5);
  expect([...raw]).toEqual(expected);
  expect(Math.max(...probability.map((p, i) => Math.abs(p - sigmoid(0.5 * (expected[i] ?? 0) - 2))))).toBeLessThan(
    1e-15,
  );
  expect(JSON.parse(session.metadata.calibration ?? '')).toEqual({ slope: 0.5, intercept: -2 });
});

test('more rows than one chunk come back in order', async () => {
  const session = await openOnnx(exportOnnx(dump), { threads: 2 });
  const count = 150_001;
  const matrix = Float64Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? (i / 2) % 61 : 1));
  const { raw } = await session.score(matrix, count);
  expect(raw.length).toBe(count);
  expect(raw.every((value, row) => value === (row % 61 <= 30 ? 0.875 : -1.125))).toBe(true);
  await expect(session.score(matrix, count - 1)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  expect((await session.score(new Float64Array(0), 0)).raw.length).toBe(0);
});

test('equal dumps give equal bytes; the file names its features and objective', () => {
  const bytes = exportOnnx(dump, { metadata: { model: 'propensity' } });
  expect(exportOnnx(structuredClone(dump), { metadata: { model: 'propensity' } })).toEqual(bytes);
  const { input, columns, outputs, metadata } = inspectOnnx(bytes);
  expect({ input, columns, outputs }).toEqual({
    input: 'features',
    columns: 2,
    outputs: [
      { name: 'raw', columns: 1 },
      { name: 'probability', columns: 1 },
    ],
  });
  expect(metadata).toEqual({ features: '["age","colour"]', objective: 'binary sigmoid:1', model: 'propensity' });
});

test.each([
  ['an objective without an export', { ...dump, objective: 'custom' }],
  ['a linear tree', { ...dump, tree_info: [{ tree_structure: { leaf_value: 1, leaf_coeff: [2] } }] }],
  ['an unknown decision', { ...dump, tree_info: [{ tree_structure: split(0, '<', 1, {}) }] }],
  [
    'an unknown kind of missing',
    { ...dump, tree_info: [{ tree_structure: split(0, '<=', 1, { missing_type: 'All' }) }] },
  ],
  ['a half tree', { ...dump, tree_info: [{ tree_structure: split(0, '<=', 1, { left_child: leaf(1) }) }] }],
  ['no dump at all', { hello: 1 }],
])('%s is refused', (_, given) => {
  expect(() => exportOnnx(given)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});
