// LightGBM's JSON dump, as far as a model is written from it: checked once, then typed.
import { z } from 'zod';
import { PerennialError } from '../../core/errors.ts';

export interface Leaf {
  readonly value: number;
}

export interface Split {
  readonly feature: number;
  /** Rows go left if their value is ≤ threshold; for a categorical split, if it is one of `categories`. */
  readonly threshold: number;
  readonly categories?: readonly number[];
  /** What counts as missing here: nothing (NaN is read as 0), NaN, or zeros and NaN. */
  readonly missing: 'None' | 'NaN' | 'Zero';
  readonly missingLeft: boolean;
  readonly left: TreeNode;
  readonly right: TreeNode;
}

export type TreeNode = Leaf | Split;
export const isSplit = (node: TreeNode): node is Split => 'feature' in node;

export interface TreeDump {
  readonly features: readonly string[];
  /** Outputs: tree t adds to output t modulo this. */
  readonly outputs: number;
  /** The prediction is the mean of the rounds, not their sum (random forest). */
  readonly averaged: boolean;
  /** e.g. `binary sigmoid:1`. */
  readonly objective: string;
  readonly trees: readonly TreeNode[];
}

const RawDump = z.object({
  num_tree_per_iteration: z.int().positive(),
  average_output: z.boolean(),
  objective: z.string().default(''),
  feature_names: z.array(z.string()),
  tree_info: z.array(z.object({ tree_structure: z.unknown() })).min(1),
});

/** Field by field rather than by a recursive schema: a large model has millions of nodes. */
interface RawNode {
  readonly leaf_value?: unknown;
  readonly leaf_coeff?: unknown;
  readonly split_feature?: unknown;
  readonly threshold?: unknown;
  readonly decision_type?: unknown;
  readonly default_left?: unknown;
  readonly missing_type?: unknown;
  readonly left_child?: unknown;
  readonly right_child?: unknown;
}

/** Reads what `Booster.dump()` gives. Throws `INVALID_INPUT` for anything this product cannot export, such as linear trees. */
export const readDump = (dump: unknown): TreeDump => {
  const found = RawDump.safeParse(dump);
  if (!found.success) throw refused('not a LightGBM dump', found.error.message);
  const { feature_names, num_tree_per_iteration, average_output, objective, tree_info } = found.data;
  return {
    features: feature_names,
    outputs: num_tree_per_iteration,
    averaged: average_output,
    objective,
    trees: tree_info.map(({ tree_structure }) => readNode(tree_structure)),
  };
};

const readNode = (found: unknown): TreeNode => {
  if (typeof found !== 'object' || found === null) throw refused('a tree node is missing', found);
  const raw: RawNode = found;
  if (raw.leaf_coeff !== undefined) throw refused('linear trees cannot be exported', 'leaf_coeff');
  if (raw.split_feature === undefined) return { value: numberOf(raw.leaf_value) };
  return { ...conditionOf(raw), left: readNode(raw.left_child), right: readNode(raw.right_child) };
};

const conditionOf = (raw: RawNode): Omit<Split, 'left' | 'right'> => {
  const { missing_type: missing, default_left: missingLeft, decision_type: decision } = raw;
  if ((missing !== 'None' && missing !== 'NaN' && missing !== 'Zero') || typeof missingLeft !== 'boolean') {
    throw refused('an unknown way with missing values', { missing, missingLeft });
  }
  const shared = { feature: numberOf(raw.split_feature), missing, missingLeft } as const;
  if (decision === '<=') return { ...shared, threshold: numberOf(raw.threshold) };
  if (decision !== '==') throw refused('an unknown decision', decision);
  return { ...shared, threshold: 0, categories: String(raw.threshold).split('||').map(Number) };
};

const numberOf = (value: unknown): number => {
  if (typeof value !== 'number') throw refused('a number is missing', value);
  return value;
};

const refused = (what: string, value: unknown): PerennialError =>
  new PerennialError('INVALID_INPUT', `The model dump cannot be exported: ${what}`, { field: 'dump', value });
