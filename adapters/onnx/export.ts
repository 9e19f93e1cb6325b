// A LightGBM model as an ONNX file: trees in float64, the objective's own transform or a calibration after them, nothing outside the file.
import { PerennialError } from '../../core/errors.ts';
import type { Platt } from '../../core/learning/platt.ts';
import { readDump, type TreeDump } from './dump.ts';
import { doubles, type Node, node, rowsOf, type Tensor } from './graph.ts';
import { encodeModel } from './schema.ts';
import { ML_DOMAIN, treeEnsemble, ZERO_THRESHOLD, zeroIsMissing } from './trees.ts';

const IR_VERSION = 10;
const OPSETS = [
  { domain: '', version: 21 },
  { domain: ML_DOMAIN, version: 5 },
];
/** Input [rows, features], float64; NaN is null, categories are whole codes. */
export const INPUT = 'features';
/** Sums of the trees, [rows, outputs]. */
export const RAW = 'raw';

export interface ExportOptions {
  /** Replaces the objective's sigmoid by 1 / (1 + exp(−(slope · raw + intercept))); binary objectives only. */
  readonly calibration?: Platt;
  /** Added to the file's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Operations and constants in the making; each step reads the last one's output. */
interface Chain {
  readonly nodes: Node[];
  readonly constants: Tensor[];
  last: string;
}

/**
 * ONNX bytes of `Booster.dump()`: `features` → `raw` and `probability` (`prediction` for objectives that foretell no probability).
 * Equal dumps give equal bytes. Throws `INVALID_INPUT` for objectives and trees that cannot be told exactly.
 */
export const exportOnnx = (dump: unknown, { calibration, metadata = {} }: ExportOptions = {}): Uint8Array => {
  const trees = readDump(dump);
  const chain: Chain = { nodes: [], constants: [], last: INPUT };
  replaceZeros(chain, trees);
  chain.nodes.push(treeEnsemble(trees, chain.last, RAW));
  chain.last = RAW;
  const output = calibration === undefined ? transform(chain, trees) : calibrate(chain, trees, calibration);
  chain.nodes.push(node('Identity', [chain.last], output));
  const told = {
    features: JSON.stringify(trees.features),
    objective: trees.objective,
    ...calibrationText(calibration),
  };
  return encodeModel({
    irVersion: IR_VERSION,
    producerName: 'perennial',
    opsetImport: OPSETS,
    graph: {
      name: 'lightgbm',
      node: chain.nodes,
      initializer: chain.constants,
      input: [rowsOf(INPUT, trees.features.length)],
      output: [rowsOf(RAW, trees.outputs), rowsOf(output, trees.outputs)],
    },
    metadataProps: Object.entries({ ...metadata, ...told }).map(([key, value]) => ({ key, value })),
  });
};

const calibrationText = (calibration: Platt | undefined): Record<string, string> =>
  calibration === undefined ? {} : { calibration: JSON.stringify(calibration) };

const step = (chain: Chain, opType: string, constants: Readonly<Record<string, number>> = {}, axis?: number): void => {
  chain.constants.push(...Object.entries(constants).map(([name, value]) => doubles(name, [value])));
  const output = `${opType.toLowerCase()}_${chain.nodes.length}`;
  const attributes = axis === undefined ? {} : { axis };
  chain.nodes.push(node(opType, [chain.last, ...Object.keys(constants)], output, attributes));
  chain.last = output;
};

/** Turns near-zeros into NaN in the columns where LightGBM was told that zero means missing. */
const replaceZeros = (chain: Chain, trees: TreeDump): void => {
  const columns = zeroIsMissing(trees);
  if (columns.size === 0) return;
  const limits = trees.features.map((_, j) => (columns.has(j) ? ZERO_THRESHOLD : -1));
  chain.constants.push(doubles('zero_limits', limits, [1, limits.length]), doubles('missing', [Number.NaN]));
  chain.nodes.push(
    node('Abs', [INPUT], 'size'),
    node('LessOrEqual', ['size', 'zero_limits'], 'is_zero'),
    node('Where', ['is_zero', 'missing', INPUT], 'without_zeros'),
  );
  chain.last = 'without_zeros';
};

const calibrate = (chain: Chain, trees: TreeDump, { slope, intercept }: Platt): string => {
  if (trees.outputs !== 1 || !/^(binary|cross_entropy)\b/.test(trees.objective)) {
    throw new PerennialError('INVALID_INPUT', 'Only a binary model can be calibrated', {
      field: 'objective',
      value: trees.objective,
    });
  }
  step(chain, 'Mul', { slope });
  step(chain, 'Add', { intercept });
  step(chain, 'Sigmoid');
  return 'probability';
};

const IDENTITY = ['regression', 'regression_l1', 'huber', 'fair', 'quantile', 'mape', 'lambdarank', 'rank_xendcg'];

/** What LightGBM does to the raw score before it calls it a prediction; names the output. */
const transform = (chain: Chain, trees: TreeDump): string => {
  if (trees.averaged) step(chain, 'Div', { rounds: trees.trees.length / trees.outputs });
  const [name = '', ...settings] = trees.objective.split(' ');
  switch (name) {
    case 'binary':
    case 'multiclassova':
    case 'cross_entropy':
      sigmoid(chain, Number(settings.find((setting) => setting.startsWith('sigmoid:'))?.slice(8) ?? 1));
      return 'probability';
    case 'multiclass':
      step(chain, 'Softmax', {}, 1);
      return 'probability';
    case 'poisson':
    case 'gamma':
    case 'tweedie':
      step(chain, 'Exp');
      return 'prediction';
    default:
      if (!IDENTITY.includes(name)) {
        throw new PerennialError('INVALID_INPUT', 'This objective has no export', { field: 'objective', value: name });
      }
      if (settings.includes('sqrt')) signedSquare(chain);
      return 'prediction';
  }
};

const sigmoid = (chain: Chain, scale: number): void => {
  if (scale !== 1) step(chain, 'Mul', { sigmoid_scale: scale });
  step(chain, 'Sigmoid');
};

/** `reg_sqrt` learns the signed root of the label. */
const signedSquare = (chain: Chain): void => {
  const root = chain.last;
  chain.nodes.push(
    node('Sign', [root], 'sign'),
    node('Mul', [root, root], 'square'),
    node('Mul', ['sign', 'square'], 'signed'),
  );
  chain.last = 'signed';
};
