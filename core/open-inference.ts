// The Open Inference Protocol (v2) as far as a model of named features speaks it: tensors in, rows of features out, and what it says of
// itself. See https://github.com/kserve/open-inference-protocol. For serving's /v2 routes.
import { PerennialError } from './errors.ts';
import type { FeatureValue } from './feature-value.ts';
import type { Signature } from './model-package.ts';

export const floats = ['FP64', 'FP32', 'FP16'] as const;
export const integers = ['INT64', 'INT32', 'INT16', 'INT8', 'UINT64', 'UINT32', 'UINT16', 'UINT8'] as const;
export const datatypes = [...floats, ...integers, 'BOOL', 'BYTES'] as const;
export type Datatype = (typeof datatypes)[number];

/** `data` is row-major, flat or nested as the shape says; null is a missing value. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly datatype: Datatype;
  readonly data: readonly unknown[];
}

type Row = Readonly<Record<string, FeatureValue>>;
type Feature = Signature['features'][number];

export const MAX_ROWS = 1_000;
/** The output's name. */
export const PROBABILITY = 'probability';

/** The inputs that a model asks for: one tensor a feature, as many elements as rows. */
export const describedInputs = ({ features }: Signature) =>
  features.map(({ name, kind }) => ({ name, datatype: kind === 'numeric' ? 'FP64' : 'BYTES', shape: [-1] }) as const);

export const describedOutputs = [{ name: PROBABILITY, datatype: 'FP64', shape: [-1] }] as const;

/**
 * Rows of features from tensors: one tensor a feature ([rows] or [rows, 1]) in any order, or, where all features are numeric, one of
 * [rows, features] in the model's order. `INVALID_INPUT` names the input.
 */
export const rowsOf = ({ features }: Signature, inputs: readonly Tensor[]): readonly Row[] => {
  const [only] = inputs;
  const names = new Set(features.map(({ name }) => name));
  const whole = inputs.length === 1 && only && !names.has(only.name) && only.shape.length === 2;
  return whole ? fromMatrix(features, only) : fromColumns(features, inputs);
};

const fromColumns = (features: readonly Feature[], inputs: readonly Tensor[]): readonly Row[] => {
  const byName = new Map<string, Tensor>();
  for (const input of inputs) {
    if (byName.has(input.name)) throw wrong(input, 'An input is given twice', input.name);
    if (!features.some(({ name }) => name === input.name)) {
      const mend = `Inputs: ${features.map(({ name }) => name).join(', ')}`;
      throw wrong(input, 'The model has no such input', input.name, mend);
    }
    byName.set(input.name, input);
  }
  const rows = inputs[0]?.shape[0] ?? 0;
  const columns = features.map((feature) => {
    const input = byName.get(feature.name);
    if (!input) {
      const mend = `Give a tensor ${feature.name}; null stands for a missing value`;
      throw new PerennialError('INVALID_INPUT', 'An input is missing', { field: `inputs.${feature.name}`, mend });
    }
    const [count, width = 1] = input.shape;
    if (count !== rows || width !== 1 || input.shape.length > 2) {
      throw wrong(input, `Expected the shape [${rows}] or [${rows}, 1]`, input.shape, 'All inputs have as many rows');
    }
    return valuesOf(input, feature.kind);
  });
  return Array.from({ length: bounded(inputs[0], rows) }, (_, row) =>
    Object.fromEntries(features.map(({ name }, i) => [name, columns[i]?.[row] ?? null])),
  );
};

const fromMatrix = (features: readonly Feature[], input: Tensor): readonly Row[] => {
  const textual = features.find(({ kind }) => kind === 'categorical');
  if (textual) throw wrong(input, `${textual.name} is a category`, input.name, 'Give one tensor a feature');
  const [rows = 0, width = 0] = input.shape;
  if (width !== features.length) throw wrong(input, `Expected ${features.length} columns`, input.shape);
  bounded(input, rows);
  const values = valuesOf(input, 'numeric');
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(features.map(({ name }, i) => [name, values[row * width + i] ?? null])),
  );
};

const bounded = (input: Tensor | undefined, rows: number): number => {
  if (rows >= 1 && rows <= MAX_ROWS) return rows;
  throw wrong(input, `Expected 1 to ${MAX_ROWS} rows`, rows);
};

const valuesOf = (input: Tensor, kind: Feature['kind']): readonly FeatureValue[] => {
  const { datatype, shape } = input;
  const fits = (datatype === 'BYTES') === (kind === 'categorical');
  if (!fits) throw wrong(input, `Expected ${kind === 'numeric' ? 'FP64' : 'BYTES'}`, datatype);
  const flat = input.data.flat(shape.length - 1);
  const expected = shape.reduce((product, size) => product * size, 1);
  if (flat.length !== expected) throw wrong(input, `The shape says ${expected} elements`, flat.length);
  const broken = flat.findIndex((value) => value !== null && !isOf(datatype, value));
  if (broken >= 0) throw wrong(input, `Element ${broken} is no ${datatype}`, flat[broken]);
  return flat.map((value) => (typeof value === 'boolean' ? Number(value) : (value as FeatureValue)));
};

const isOf = (datatype: Datatype, value: unknown): boolean => {
  if (datatype === 'BYTES') return typeof value === 'string';
  if (datatype === 'BOOL') return typeof value === 'boolean';
  return (integers as readonly string[]).includes(datatype) ? Number.isInteger(value) : typeof value === 'number';
};

const wrong = (input: Tensor | undefined, message: string, value: unknown, mend?: string): PerennialError =>
  new PerennialError('INVALID_INPUT', message, {
    field: `inputs.${input?.name ?? ''}`,
    value,
    mend: mend ?? 'See the inputs at /v2/models/{model}',
  });
