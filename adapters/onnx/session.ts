// Scores rows with an ONNX model by ONNX Runtime, after inspecting its bytes.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { PerennialError } from '../../core/errors.ts';
import { inspectOnnx, type OnnxFile } from './inspect.ts';

/** Rows per call of the runtime: bounds its scratch memory; larger chunks gain nothing. */
const CHUNK_ROWS = 65_536;

export interface Scores {
  /** Sums of the trees, row after row (outputs of a row beside each other). */
  readonly raw: Float64Array;
  /** The model's second output: probabilities, or the predicted value where the objective foretells none. */
  readonly probability: Float64Array;
}

export interface OnnxSession {
  readonly columns: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Scores `rows` rows of `columns` features, row after row. `INVALID_INPUT` for another length. */
  score(matrix: Float64Array, rows: number): Promise<Scores>;
  release(): Promise<void>;
}

/** Opens verified bytes; `CONTRACT_BROKEN` for a file that points outside itself or is not one of ours in shape. */
export const openOnnx = async (bytes: Uint8Array, { threads }: { readonly threads: number }): Promise<OnnxSession> => {
  const file = inspectOnnx(bytes);
  const session = await InferenceSession.create(file.bytes, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
  });
  return {
    columns: file.columns,
    metadata: file.metadata,
    score: (matrix, rows) => score(session, file, matrix, rows),
    release: () => session.release(),
  };
};

const score = async (
  session: InferenceSession,
  file: OnnxFile,
  matrix: Float64Array,
  rows: number,
): Promise<Scores> => {
  const { input, columns, outputs } = file;
  const [raw, probability] = outputs;
  if (matrix.length !== rows * columns) {
    throw new PerennialError('INVALID_INPUT', `Expected ${rows} rows of ${columns} features`, {
      field: 'matrix',
      value: matrix.length,
    });
  }
  if (raw === undefined || probability === undefined) {
    throw new PerennialError('CONTRACT_BROKEN', 'Expected two outputs, raw and probability', { field: 'outputs' });
  }
  const scores = {
    raw: new Float64Array(rows * raw.columns),
    probability: new Float64Array(rows * probability.columns),
  };
  for (let from = 0; from < rows; from += CHUNK_ROWS) {
    const to = Math.min(rows, from + CHUNK_ROWS);
    const features = new Tensor('float64', matrix.subarray(from * columns, to * columns), [to - from, columns]);
    const found = await session.run({ [input]: features });
    scores.raw.set(doublesOf(found[raw.name], raw.name), from * raw.columns);
    scores.probability.set(doublesOf(found[probability.name], probability.name), from * probability.columns);
  }
  return scores;
};

const doublesOf = (tensor: Tensor | undefined, name: string): Float64Array => {
  if (tensor?.data instanceof Float64Array) return tensor.data;
  throw new PerennialError('CONTRACT_BROKEN', 'Expected a float64 output', { field: name, value: tensor?.type });
};
