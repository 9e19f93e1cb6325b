// Boosted trees as one `ai.onnx.ml` TreeEnsemble (opset 5) in float64, routing every value exactly as LightGBM does.
import { PerennialError } from '../../core/errors.ts';
import { isSplit, type Split, type TreeDump, type TreeNode } from './dump.ts';
import { bytes, doubles, type Node, node } from './graph.ts';

export const ML_DOMAIN = 'ai.onnx.ml';
const BRANCH_LEQ = 0;
const BRANCH_MEMBER = 6;
const SUM = 1;
const NO_TRANSFORM = 0;

/** LightGBM reads values this close to 0 as 0 (its kZeroThreshold: 1e-35 as float32). */
export const ZERO_THRESHOLD = Math.fround(1e-35);
const BELOW_MINUS_ZERO_THRESHOLD = -1.0000000180025096e-35;
/** The dump writes +∞ as 1e300. */
const DUMPED_INFINITY = 1e300;

/** Where a branch leads: a node's or, where `leaf` is 1, a leaf's number. */
interface Link {
  readonly to: number;
  readonly leaf: 0 | 1;
}

/** The columns of the operator; one row per inner node, and one per leaf. */
interface Columns {
  readonly features: number[];
  readonly modes: number[];
  readonly splits: number[];
  readonly missingLeft: number[];
  readonly left: Link[];
  readonly right: Link[];
  readonly leafOutputs: number[];
  readonly leafValues: number[];
  readonly members: number[];
  readonly roots: number[];
}

/** The node from `input` [rows, features] to `output` [rows, outputs]: sums of leaf values. */
export const treeEnsemble = (dump: TreeDump, input: string, output: string): Node => {
  const columns: Columns = {
    features: [],
    modes: [],
    splits: [],
    missingLeft: [],
    left: [],
    right: [],
    leafOutputs: [],
    leafValues: [],
    members: [],
    roots: [],
  };
  for (const [t, tree] of dump.trees.entries()) addTree(columns, tree, t % dump.outputs);
  const { members, modes, splits, leafValues } = columns;
  const attributes = {
    n_targets: dump.outputs,
    aggregate_function: SUM,
    post_transform: NO_TRANSFORM,
    tree_roots: columns.roots,
    nodes_featureids: columns.features,
    nodes_modes: bytes('modes', modes),
    nodes_splits: doubles('splits', splits),
    nodes_truenodeids: columns.left.map(({ to }) => to),
    nodes_trueleafs: columns.left.map(({ leaf }) => leaf),
    nodes_falsenodeids: columns.right.map(({ to }) => to),
    nodes_falseleafs: columns.right.map(({ leaf }) => leaf),
    nodes_missing_value_tracks_true: columns.missingLeft,
    leaf_targetids: columns.leafOutputs,
    leaf_weights: doubles('weights', leafValues),
    ...(members.length === 0 ? {} : { membership_values: doubles('members', members) }),
  };
  return node('TreeEnsemble', [input], output, attributes, ML_DOMAIN);
};

const addTree = (columns: Columns, tree: TreeNode, output: number): void => {
  const root = columns.modes.length;
  const link = addNode(columns, tree, output);
  if (link.leaf === 1) addInner(columns, { feature: 0, mode: BRANCH_LEQ, split: 0, missingLeft: false }, link, link); // a root is never a leaf
  columns.roots.push(root);
};

const addNode = (columns: Columns, tree: TreeNode, output: number): Link => {
  if (!isSplit(tree)) {
    columns.leafOutputs.push(output);
    columns.leafValues.push(tree.value);
    return { to: columns.leafValues.length - 1, leaf: 1 };
  }
  const mode = tree.categories === undefined ? BRANCH_LEQ : BRANCH_MEMBER;
  if (tree.categories !== undefined) columns.members.push(...tree.categories, Number.NaN); // NaN ends a node's set
  const unlinked: Link = { to: 0, leaf: 0 };
  const row = { feature: tree.feature, mode, split: splitValue(tree), missingLeft: missingGoesLeft(tree) };
  const link = addInner(columns, row, unlinked, unlinked);
  columns.left[link.to] = addNode(columns, tree.left, output);
  columns.right[link.to] = addNode(columns, tree.right, output);
  return link;
};

const addInner = (
  columns: Columns,
  row: { feature: number; mode: number; split: number; missingLeft: boolean },
  left: Link,
  right: Link,
): Link => {
  columns.features.push(row.feature);
  columns.modes.push(row.mode);
  columns.splits.push(row.split);
  columns.missingLeft.push(row.missingLeft ? 1 : 0);
  columns.left.push(left);
  columns.right.push(right);
  return { to: columns.modes.length - 1, leaf: 0 };
};

const splitValue = ({ threshold }: Split): number => {
  if (threshold >= DUMPED_INFINITY) return Number.POSITIVE_INFINITY;
  // LightGBM reads x = −kZeroThreshold as 0, which goes right; a plain comparison would send it left.
  return threshold === -ZERO_THRESHOLD ? BELOW_MINUS_ZERO_THRESHOLD : threshold;
};

/** NaN's way: as trained; read as 0 where training saw no missing values; right for a category. */
const missingGoesLeft = ({ categories, missing, missingLeft, threshold }: Split): boolean => {
  if (categories !== undefined) return false;
  return missing === 'None' ? threshold >= 0 : missingLeft;
};

/** Features whose zeros count as missing (`zero_as_missing`): they must be turned into NaN before the trees. */
export const zeroIsMissing = (dump: TreeDump): ReadonlySet<number> => {
  const seen = new Map<number, boolean>();
  const visit = (tree: TreeNode): void => {
    if (!isSplit(tree)) return;
    if (tree.categories === undefined) {
      const zero = tree.missing === 'Zero';
      if ((seen.get(tree.feature) ?? zero) !== zero) {
        throw new PerennialError('INVALID_INPUT', 'One feature counts zeros as missing here and not there', {
          field: dump.features[tree.feature] ?? String(tree.feature),
        });
      }
      seen.set(tree.feature, zero);
    }
    visit(tree.left);
    visit(tree.right);
  };
  dump.trees.forEach(visit);
  return new Set([...seen].filter(([, zero]) => zero).map(([feature]) => feature));
};
