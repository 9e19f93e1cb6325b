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
export const rowsOf = (signature: Signature, inputs: readonly Tensor[]): readonly Row[] => {
  const { features } = signature;
  const positions = positionsOf(signature);
  const [only] = inputs;
  const whole = inputs.length === 1 && only && !positions.has(only.name) && only.shape.length === 2;
  return whole ? fromMatrix(features, only) : fromColumns(features, positions, inputs);
};

type Positions = ReadonlyMap<string, number>;

/** Where each feature stands in the model's order; reckoned once a model, not once a request. */
const positionsOf = (signature: Signature): Positions => {
  let found = known.get(signature);
  if (!found) {
    found = new Map(signature.features.map(({ name }, at) => [name, at]));
    known.set(signature, found);
  }
  return found;
};

const known = new WeakMap<Signature, Positions>();

const fromColumns = (features: readonly Feature[], positions: Positions, inputs: readonly Tensor[]): readonly Row[] => {
  const given = inOrder(features, positions, inputs);
  const rows = inputs[0]?.shape[0] ?? 0;
  const columns = features.map(({ name, kind }, at) => {
    const input = given[at];
    if (!input) {
      const mend = `Give a tensor ${name}; null stands for a missing value`;
      throw new PerennialError('INVALID_INPUT', 'An input is missing', { field: `inputs.${name}`, mend });
    }
    const [count, width = 1] = input.shape;
    if (count !== rows || width !== 1 || input.shape.length > 2) {
      throw wrong(input, `Expected the shape [${rows}] or [${rows}, 1]`, input.shape, 'All inputs have as many rows');
    }
    return valuesOf(input, kind);
  });
  return rowsFrom(features, bounded(inputs[0], rows), (row, at) => columns[at]?.[row]);
};

/** The tensors as the model orders its features. */
const inOrder = (features: readonly Feature[], positions: Positions, inputs: readonly Tensor[]) => {
  const given: (Tensor | undefined)[] = features.map(() => undefined);
  for (const input of inputs) {
    const at = positions.get(input.name);
    if (at === undefined) {
      const mend = `Inputs: ${features.map(({ name }) => name).join(', ')}`;
      throw wrong(input, 'The model has no such input', input.name, mend);
    }
    if (given[at]) throw wrong(input, 'An input is given twice', input.name);
    given[at] = input;
  }
  return given;
};

const fromMatrix = (features: readonly Feature[], input: Tensor): readonly Row[] => {
  const textual = features.find(({ kind }) => kind === 'categorical');
  if (textual) throw wrong(input, `${textual.name} is a category`, input.name, 'Give one tensor a feature');
  const [rows = 0, width = 0] = input.shape;
  if (width !== features.length) throw wrong(input, `Expected ${features.length} columns`, input.shape);
  bounded(input, rows);
  const values = valuesOf(input, 'numeric');
  return rowsFrom(features, rows, (row, at) => values[row * width + at]);
};

const rowsFrom = (
  features: readonly Feature[],
  count: number,
  value: (row: number, at: number) => FeatureValue | undefined,
): readonly Row[] => {
  const rows: Row[] = [];
  for (let row = 0; row < count; row += 1) {
    const made: Record<string, FeatureValue> = {};
    for (let at = 0; at < features.length; at += 1) made[(features[at] as Feature).name] = value(row, at) ?? null;
    rows.push(made);
  }
  return rows;
};

const bounded = (input: Tensor | undefined, rows: number): number => {
  if (rows >= 1 && rows <= MAX_ROWS) return rows;
  throw wrong(input, `Expected 1 to ${MAX_ROWS} rows`, rows);
};

const valuesOf = (input: Tensor, kind: Feature['kind']): readonly FeatureValue[] => {
  const { datatype, shape, data } = input;
  const fits = (datatype === 'BYTES') === (kind === 'categorical');
  if (!fits) throw wrong(input, `Expected ${kind === 'numeric' ? 'FP64' : 'BYTES'}`, datatype);
  const [rows = 1, width = 1] = shape;
  const flat = shape.length > 1 ? data.flat() : data;
  if (flat.length !== rows * width) throw wrong(input, `The shape says ${rows * width} elements`, flat.length);
  const isElement = elements[datatype];
  for (let at = 0; at < flat.length; at += 1) {
    const value = flat[at];
    if (value !== null && !isElement(value)) throw wrong(input, `Element ${at} is no ${datatype}`, value);
  }
  if (datatype === 'BOOL') return flat.map((value) => (value === null ? null : Number(value)));
  return flat as readonly FeatureValue[];
};

const isNumber = (value: unknown): boolean => typeof value === 'number';
const elements = Object.fromEntries([
  ...floats.map((name) => [name, isNumber]),
  ...integers.map((name) => [name, Number.isInteger]),
  ['BOOL', (value: unknown) => typeof value === 'boolean'],
  ['BYTES', (value: unknown) => typeof value === 'string'],
]) as Readonly<Record<Datatype, (value: unknown) => boolean>>;

const wrong = (input: Tensor | undefined, message: string, value: unknown, mend?: string): PerennialError =>
  new PerennialError('INVALID_INPUT', message, {
    field: `inputs.${input?.name ?? ''}`,
    value,
    mend: mend ?? 'See the inputs at /v2/models/{model}',
  });
