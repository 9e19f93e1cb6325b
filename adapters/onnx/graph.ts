// The few pieces an ONNX graph is written from: nodes, tensors, inputs and outputs, as plain objects for `encodeModel`.

const ELEMENT = { uint8: 2, float64: 11 } as const;
const ATTRIBUTE = { int: 2, tensor: 4, ints: 7 } as const;

export interface Tensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly rawData: Uint8Array;
}

export interface Node {
  readonly opType: string;
  readonly domain: string;
  readonly name: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly object[];
}

type AttributeValue = number | readonly number[] | Tensor;

/** One operation; nodes are named by their first output. */
export const node = (
  opType: string,
  input: readonly string[],
  output: string,
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain = '',
): Node => ({
  opType,
  domain,
  name: `${opType}_${output}`,
  input,
  output: [output],
  attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
});

const attribute = (name: string, value: AttributeValue): object => {
  if (typeof value === 'number') return { name, type: ATTRIBUTE.int, i: value };
  return 'dims' in value ? { name, type: ATTRIBUTE.tensor, t: value } : { name, type: ATTRIBUTE.ints, ints: value };
};

/** A float64 tensor, one-dimensional unless `dims` says otherwise. */
export const doubles = (
  name: string,
  values: readonly number[],
  dims: readonly number[] = [values.length],
): Tensor => ({
  name,
  dims,
  dataType: ELEMENT.float64,
  rawData: new Uint8Array(Float64Array.from(values).buffer),
});

export const bytes = (name: string, values: readonly number[]): Tensor => ({
  name,
  dims: [values.length],
  dataType: ELEMENT.uint8,
  rawData: Uint8Array.from(values),
});

/** A graph input or output: float64, any number of rows. */
export const rowsOf = (name: string, columns: number): object => ({
  name,
  type: { tensorType: { elemType: ELEMENT.float64, shape: { dim: [{ dimParam: 'rows' }, { dimValue: columns }] } } },
});
