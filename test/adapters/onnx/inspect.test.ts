// A model file that points outside itself is refused wherever it hides that, and what a runtime gets is what was inspected.
import { expect, test } from 'vitest';
import { doubles, node, rowsOf } from '../../../adapters/onnx/graph.ts';
import { inspectOnnx } from '../../../adapters/onnx/inspect.ts';
import { encodeModel } from '../../../adapters/onnx/schema.ts';
import { openOnnx } from '../../../adapters/onnx/session.ts';

const outside = { ...doubles('w', [1]), externalData: [{ key: 'location', value: '../../secret' }], dataLocation: 1 };
const onlyMarked = { ...doubles('w', [1]), dataLocation: 1 };
const onlyNamed = { ...doubles('w', [1]), externalData: [{ key: 'location', value: 'w.bin' }] };
const withAttribute = (attribute: object): object => ({
  opType: 'If',
  output: ['y'],
  attribute: [{ name: 'a', ...attribute }],
});
const graph = (more: object = {}): object => ({
  name: 'g',
  node: [node('Identity', ['features'], 'raw'), node('Sigmoid', ['features'], 'probability')],
  input: [rowsOf('features', 1)],
  output: [rowsOf('raw', 1), rowsOf('probability', 1)],
  ...more,
});
const model = (more: object = {}): Uint8Array =>
  encodeModel({ irVersion: 10, opsetImport: [{ domain: '', version: 21 }], graph: graph(), ...more });
const inner = { name: 'inner', initializer: [outside] };

test('a self-contained file passes and runs', async () => {
  const session = await openOnnx(model(), { threads: 1 });
  expect([...(await session.score(Float64Array.of(0), 1)).probability]).toEqual([0.5]);
});

test.each<[string, object]>([
  ['an initializer', { graph: graph({ initializer: [outside] }) }],
  ['an initializer, location only marked', { graph: graph({ initializer: [onlyMarked] }) }],
  ['an initializer, location only named', { graph: graph({ initializer: [onlyNamed] }) }],
  ['the second of two initializers', { graph: graph({ initializer: [doubles('v', [1]), outside] }) }],
  ['values of a sparse initializer', { graph: graph({ sparseInitializer: [{ values: outside }] }) }],
  ['indices of a sparse initializer', { graph: graph({ sparseInitializer: [{ indices: outside }] }) }],
  ['an attribute', { graph: graph({ node: [withAttribute({ type: 4, t: outside })] }) }],
  ['a list of tensors', { graph: graph({ node: [withAttribute({ type: 9, tensors: [outside] })] }) }],
  ['a sparse attribute', { graph: graph({ node: [withAttribute({ type: 11, sparseTensor: { values: outside } })] }) }],
  ['a subgraph', { graph: graph({ node: [withAttribute({ type: 5, g: inner })] }) }],
  ['a list of subgraphs', { graph: graph({ node: [withAttribute({ type: 10, graphs: [inner] })] }) }],
  [
    'a subgraph of a subgraph',
    { graph: graph({ node: [withAttribute({ type: 5, g: { node: [withAttribute({ type: 5, g: inner })] } })] }) },
  ],
  ['a function', { functions: [{ name: 'f', node: [withAttribute({ type: 4, t: outside })] }] }],
  ['a default of a function', { functions: [{ name: 'f', attributeProto: [{ name: 'a', type: 4, t: outside }] }] }],
  ['training information', { trainingInfo: [{ algorithm: inner }] }],
])('data outside the file, by %s, is refused', async (_, more) => {
  await expect(openOnnx(model(more), { threads: 1 })).rejects.toMatchObject({
    code: 'CONTRACT_BROKEN',
    message: expect.stringContaining('outside the file'),
  });
});

test('operators of unknown domains are refused, imported or used', () => {
  const imported = { opsetImport: [{ domain: 'com.example', version: 1 }] };
  expect(() => inspectOnnx(model(imported))).toThrow('com.example');
  const used = { graph: graph({ node: [{ ...node('Run', ['features'], 'raw'), domain: 'com.example' }] }) };
  expect(() => inspectOnnx(model(used))).toThrow('com.example');
});

test('a field that ONNX does not define is refused', () => {
  const bytes = Buffer.concat([model(), Buffer.from([0xfa, 0x07, 0x01, 0x00])]); // field 127, one byte
  expect(() => inspectOnnx(bytes)).toThrow('does not define');
});

test('a second graph hides nothing from us that another reader would merge in', () => {
  const hidden = encodeModel({ graph: { name: 'g', initializer: [outside] } });
  expect(() => inspectOnnx(Buffer.concat([hidden, model()]))).toThrow('outside the file');
  expect(() => inspectOnnx(Buffer.concat([model(), hidden]))).toThrow('outside the file');
});

test('what goes on to the runtime is what was inspected, written anew', () => {
  const twice = Buffer.concat([Buffer.from([0x08, 0x09]), model()]); // the IR version given twice
  expect(inspectOnnx(twice).bytes).toEqual(inspectOnnx(model()).bytes);
});

test('bytes that are no model, and a model without a clear signature, are refused', () => {
  expect(() => inspectOnnx(Buffer.from('hello, world'))).toThrow(expect.objectContaining({ code: 'CONTRACT_BROKEN' }));
  expect(() => inspectOnnx(new Uint8Array(0))).toThrow('one input');
  expect(() => inspectOnnx(model({ graph: graph({ input: [] }) }))).toThrow('one input');
});
