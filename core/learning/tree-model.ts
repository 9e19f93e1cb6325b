// A LightGBM model as flat arrays, read from its own text, and the sum of its trees for one row: what serving scores single rows with.
// It routes every value as LightGBM's `Tree::Decision` does; text that says more than this reader knows is refused, never guessed at.
import { PerennialError } from '../errors.ts';

/** Nodes and leaves of all trees one after another. A child ≥ 0 is a node; a leaf is written ~leaf. */
export interface TreeModel {
  readonly features: readonly string[];
  /** One a tree, in the order of summation; ~leaf where a tree has a single leaf. */
  readonly roots: Int32Array;
  readonly kind: Uint8Array;
  readonly feature: Int32Array;
  /** Goes left if value ≤ threshold. */
  readonly threshold: Float64Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** Where a missing value goes. */
  readonly missing: Int32Array;
  /** A categorical node's words: bit c set means that category c goes left. */
  readonly setFrom: Int32Array;
  readonly setTo: Int32Array;
  readonly sets: Uint32Array;
  readonly leafValue: Float64Array;
  /** Training rows that came by: the weights of SHAP's expectations. */
  readonly nodeRows: Float64Array;
  readonly leafRows: Float64Array;
}

/** By what a node decides. `zeroMissing`: zeros count as missing, like NaN. */
const KIND = { numeric: 0, zeroMissing: 1, categorical: 2 } as const;

/** LightGBM reads values this close to 0 as 0 (its kZeroThreshold, 1e-35 as float32). */
const ZERO = Math.fround(1e-35);
const BELOW_MINUS_ZERO = -1.0000000180025096e-35;

/** The sum of the trees for one row in the model's order of features; NaN is missing. */
export const rawScore = (model: TreeModel, row: Float64Array): number => {
  const { roots, kind, feature, threshold, left, right, missing } = model;
  let sum = 0;
  for (let tree = 0; tree < roots.length; tree += 1) {
    let at = roots[tree] as number;
    while (at >= 0) {
      const value = row[feature[at] as number] as number;
      if (kind[at] !== KIND.numeric) at = nextNode(model, at, value);
      else if (value <= (threshold[at] as number)) at = left[at] as number;
      else at = (value > (threshold[at] as number) ? right[at] : missing[at]) as number;
    }
    sum += model.leafValue[~at] as number;
  }
  return sum;
};

/** Features that some node takes for a category. */
export const categoricalFeatures = ({ kind, feature }: TreeModel): ReadonlySet<number> =>
  new Set(feature.filter((_, node) => kind[node] === KIND.categorical));

/** Where a value goes from a node. */
export const nextNode = (model: TreeModel, node: number, value: number): number => {
  const { kind, threshold, left, right, missing } = model;
  if (kind[node] === KIND.categorical) return (inSet(model, node, value) ? left[node] : right[node]) as number;
  if (kind[node] === KIND.zeroMissing && Math.abs(value) <= ZERO) return missing[node] as number;
  if (value <= (threshold[node] as number)) return left[node] as number;
  return (value > (threshold[node] as number) ? right[node] : missing[node]) as number;
};

const inSet = ({ setFrom, setTo, sets }: TreeModel, node: number, value: number): boolean => {
  const category = Math.trunc(value);
  if (!(category >= 0)) return false;
  const word = (setFrom[node] as number) + Math.floor(category / 32);
  return word < (setTo[node] as number) && (((sets[word] as number) >>> (category % 32)) & 1) === 1;
};

/** Bits of `decision_type`; the next two say what counts as missing. */
const CATEGORICAL = 1;
const DEFAULT_LEFT = 2;
const MISSING_KINDS = ['None', 'Zero', 'NaN'] as const;

type Fields = ReadonlyMap<string, string>;

/** Everything of the model in the making; trees are added one by one. */
interface Growing {
  readonly roots: number[];
  readonly nodes: { readonly [K in NodeColumn]: number[] };
  readonly sets: number[];
  readonly leafValue: number[];
  readonly leafRows: number[];
}
const COLUMNS = ['kind', 'feature', 'threshold', 'left', 'right', 'missing', 'setFrom', 'setTo', 'nodeRows'] as const;
type NodeColumn = (typeof COLUMNS)[number];

/** Reads LightGBM's model text (format v4, one output, sums of plain trees). `CONTRACT_BROKEN` names what it does not know. */
export const readTreeModel = (text: string): TreeModel => {
  const end = text.indexOf('\nend of trees');
  if (!text.startsWith('tree\n') || end < 0) throw unknown('this is no LightGBM model text', text.slice(0, 20));
  const [head = '', ...trees] = text.slice(0, end).split(/\n(?=Tree=\d+\n)/);
  const header = fieldsOf(head);
  if (header.get('version') !== 'v4') throw unknown('another version of the format', header.get('version'));
  if (header.get('num_tree_per_iteration') !== '1') throw unknown('several outputs', 'num_tree_per_iteration');
  if (/^average_output$/m.test(head)) throw unknown('an average of trees', 'average_output');
  const features = (header.get('feature_names') ?? '').split(' ');
  const nodes = Object.fromEntries(COLUMNS.map((name): [NodeColumn, number[]] => [name, []])) as Growing['nodes'];
  const growing: Growing = { roots: [], nodes, sets: [], leafValue: [], leafRows: [] };
  for (const tree of trees) addTree(growing, fieldsOf(tree), features.length);
  if (growing.roots.length === 0) throw unknown('no tree', 0);
  return {
    features,
    roots: Int32Array.from(growing.roots),
    kind: Uint8Array.from(nodes.kind),
    feature: Int32Array.from(nodes.feature),
    threshold: Float64Array.from(nodes.threshold),
    left: Int32Array.from(nodes.left),
    right: Int32Array.from(nodes.right),
    missing: Int32Array.from(nodes.missing),
    setFrom: Int32Array.from(nodes.setFrom),
    setTo: Int32Array.from(nodes.setTo),
    sets: Uint32Array.from(growing.sets),
    nodeRows: Float64Array.from(nodes.nodeRows),
    leafValue: Float64Array.from(growing.leafValue),
    leafRows: Float64Array.from(growing.leafRows),
  };
};

const addTree = (growing: Growing, fields: Fields, features: number): void => {
  const { roots, nodes, sets, leafValue, leafRows } = growing;
  const leaves = numbers(fields, 'num_leaves', 1)[0] ?? 0;
  if ((fields.get('is_linear') ?? '0') !== '0') throw unknown('linear trees', 'is_linear');
  const [firstNode, firstLeaf, firstWord] = [nodes.kind.length, leafValue.length, sets.length];
  leafValue.push(...numbers(fields, 'leaf_value', leaves));
  if (leaves === 1) {
    roots.push(~firstLeaf);
    leafRows.push(1);
    return;
  }
  leafRows.push(...numbers(fields, 'leaf_count', leaves));
  const count = leaves - 1;
  const column = (name: string) => numbers(fields, name, count);
  const [splits, thresholds, decisions] = [column('split_feature'), column('threshold'), column('decision_type')];
  const bounds = fields.has('cat_boundaries') ? numbers(fields, 'cat_boundaries') : [];
  if (fields.has('cat_threshold')) sets.push(...numbers(fields, 'cat_threshold'));
  const moved = (child: number) => (child >= 0 ? firstNode + child : ~(firstLeaf + ~child));
  const [lefts, rights] = [column('left_child').map(moved), column('right_child').map(moved)];
  for (const at of lefts.keys()) {
    const decision = decisionOf(decisions[at] ?? 0);
    const [left = 0, right = 0, given = 0] = [lefts[at], rights[at], thresholds[at]];
    if (!((splits[at] ?? -1) < features)) throw unknown('a feature without a name', splits[at]);
    nodes.kind.push(KIND[decision.kind]);
    nodes.feature.push(splits[at] ?? 0);
    // LightGBM reads x = −kZeroThreshold as 0, which goes right; a plain comparison would send it left.
    nodes.threshold.push(given === -ZERO ? BELOW_MINUS_ZERO : given);
    nodes.left.push(left);
    nodes.right.push(right);
    nodes.missing.push(missingGoesLeft(decision, given) ? left : right);
    const set = decision.kind === 'categorical' ? given : Number.NaN;
    nodes.setFrom.push(firstWord + (bounds[set] ?? 0));
    nodes.setTo.push(firstWord + (bounds[set + 1] ?? 0));
  }
  nodes.nodeRows.push(...column('internal_count'));
  roots.push(firstNode);
};

interface Decision {
  readonly kind: keyof typeof KIND;
  readonly missing: (typeof MISSING_KINDS)[number];
  readonly defaultLeft: boolean;
}

const decisionOf = (bits: number): Decision => {
  const missing = MISSING_KINDS[(bits >> 2) & 3];
  if (missing === undefined || bits >> 4 !== 0) throw unknown('another way to decide', bits);
  const defaultLeft = (bits & DEFAULT_LEFT) !== 0;
  if ((bits & CATEGORICAL) !== 0) return { kind: 'categorical', missing, defaultLeft };
  return { kind: missing === 'Zero' ? 'zeroMissing' : 'numeric', missing, defaultLeft };
};

/** As trained; read as 0 where training saw no missing values; right for a category. */
const missingGoesLeft = ({ kind, missing, defaultLeft }: Decision, threshold: number): boolean =>
  kind !== 'categorical' && (missing === 'None' ? threshold >= 0 : defaultLeft);

const fieldsOf = (lines: string): Fields =>
  new Map(
    lines.split('\n').flatMap((line): [string, string][] => {
      const at = line.indexOf('=');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );

const numbers = (fields: Fields, name: string, count?: number): number[] => {
  const found = (fields.get(name) ?? '').split(' ').map(numberOf);
  if ((count !== undefined && found.length !== count) || found.some(Number.isNaN))
    throw unknown(`${name} is not what it should be`, fields.get(name)?.slice(0, 100));
  return found;
};

const numberOf = (text: string): number => {
  const [, minus, word] = /^(-?)(inf|nan|)$/.exec(text) ?? [];
  if (word === 'inf') return minus === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return word === undefined ? Number(text) : Number.NaN;
};

const unknown = (what: string, value: unknown): PerennialError =>
  new PerennialError('CONTRACT_BROKEN', `The model text cannot be read: ${what}`, { field: 'model.txt', value });
