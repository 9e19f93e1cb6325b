// Why a row scores as it does: SHAP values by the path-dependent TreeSHAP algorithm (Lundberg, Erion & Lee, "Consistent Individualized
// Feature Attribution for Tree Ensembles", 2018, algorithm 2), exact in float64, as LightGBM's `predict_contrib` computes them.
import { nextNode, type TreeModel } from './tree-model.ts';

export interface Contributions {
  /** The mean raw score of the training rows: what is said of a row of which nothing is known. */
  readonly expected: number;
  /** By feature, in the model's order; `expected` and these sum to the raw score. */
  readonly contributions: Float64Array;
}

/** The features met on the way to a node: how many of the rows go on where the feature is unknown (`zero`) or known (`one`). */
interface Path {
  readonly feature: Int32Array;
  readonly zero: Float64Array;
  readonly one: Float64Array;
  /** Share of the feature subsets of each size that come this way. */
  readonly weight: Float64Array;
}

type Explain = (row: Float64Array) => Contributions;

/** Explains rows of one model; scratch memory is kept between rows. */
export const treeShap = (model: TreeModel): Explain => {
  const expected = expectedScore(model);
  const walk = new Walk(model);
  return (row) => ({ expected, contributions: walk.explain(row) });
};

/** The mean of each tree's leaves over the rows it was grown from, summed. */
const expectedScore = (model: TreeModel): number =>
  model.roots.reduce((sum, root) => sum + weighted(model, root) / rowsAt(model, root), 0);

const weighted = (model: TreeModel, at: number): number => {
  if (at < 0) return rowsAt(model, at) * (model.leafValue[~at] as number);
  return weighted(model, model.left[at] as number) + weighted(model, model.right[at] as number);
};

const rowsAt = ({ nodeRows, leafRows }: TreeModel, at: number): number =>
  (at >= 0 ? nodeRows[at] : leafRows[~at]) as number;

class Walk {
  private readonly model: TreeModel;
  /** One a level of the tree: a branch must not disturb what its sibling will read. */
  private readonly paths: Path[] = [];
  private row: Float64Array = new Float64Array(0);
  private found: Float64Array = new Float64Array(0);

  constructor(model: TreeModel) {
    this.model = model;
  }

  explain(row: Float64Array): Float64Array {
    this.row = row;
    this.found = new Float64Array(this.model.features.length);
    for (const root of this.model.roots) if (root >= 0) this.visit(root, 0, 0, 1, 1, -1);
    return this.found;
  }

  /** Comes to a node or leaf over a branch of `feature`; `depth` features are on the path of the level above. */
  private visit(at: number, level: number, depth: number, zero: number, one: number, feature: number): void {
    const path = this.pathAt(level);
    if (level > 0) copy(this.pathAt(level - 1), path, depth);
    extend(path, depth, zero, one, feature);
    if (at < 0) this.arrive(path, depth, this.model.leafValue[~at] as number);
    else this.branch(path, at, level, depth);
  }

  private branch(path: Path, at: number, level: number, depth: number): void {
    const { model, row } = this;
    const feature = model.feature[at] as number;
    const hot = nextNode(model, at, row[feature] as number);
    const cold = (hot === model.left[at] ? model.right[at] : model.left[at]) as number;
    let [zero, one, length] = [1, 1, depth];
    // A feature met before has one place on the path: its shares are multiplied.
    const before = indexIn(path.feature, depth, feature);
    if (before >= 0) {
      zero = path.zero[before] as number;
      one = path.one[before] as number;
      unwind(path, depth, before);
      length -= 1;
    }
    const rows = rowsAt(model, at);
    this.visit(hot, level + 1, length + 1, (zero * rowsAt(model, hot)) / rows, one, feature);
    this.visit(cold, level + 1, length + 1, (zero * rowsAt(model, cold)) / rows, 0, feature);
  }

  private arrive(path: Path, depth: number, value: number): void {
    for (let i = 1; i <= depth; i += 1) {
      const share = (path.one[i] as number) - (path.zero[i] as number);
      const feature = path.feature[i] as number;
      this.found[feature] = (this.found[feature] as number) + unwoundSum(path, depth, i) * share * value;
    }
  }

  private pathAt(level: number): Path {
    // Each feature once, the root, and one place to spare while a feature is met again.
    const length = this.model.features.length + 2;
    this.paths[level] ??= {
      feature: new Int32Array(length),
      zero: new Float64Array(length),
      one: new Float64Array(length),
      weight: new Float64Array(length),
    };
    return this.paths[level];
  }
}

const indexIn = (features: Int32Array, last: number, feature: number): number => {
  for (let i = 1; i <= last; i += 1) if (features[i] === feature) return i;
  return -1;
};

const copy = (from: Path, to: Path, length: number): void => {
  for (let i = 0; i < length; i += 1) {
    to.feature[i] = from.feature[i] as number;
    to.zero[i] = from.zero[i] as number;
    to.one[i] = from.one[i] as number;
    to.weight[i] = from.weight[i] as number;
  }
};

/** EXTEND: subsets grow by a feature. */
const extend = (path: Path, depth: number, zero: number, one: number, feature: number): void => {
  const { weight } = path;
  path.feature[depth] = feature;
  path.zero[depth] = zero;
  path.one[depth] = one;
  weight[depth] = depth === 0 ? 1 : 0;
  for (let i = depth - 1; i >= 0; i -= 1) {
    const before = weight[i] as number;
    weight[i + 1] = (weight[i + 1] as number) + (one * before * (i + 1)) / (depth + 1);
    weight[i] = (zero * before * (depth - i)) / (depth + 1);
  }
};

/** UNWIND: undoes the extension by the feature at `index`. */
const unwind = (path: Path, depth: number, index: number): void => {
  const { weight, feature, zero: zeros, one: ones } = path;
  const [zero, one] = [zeros[index] as number, ones[index] as number];
  let next = weight[depth] as number;
  for (let i = depth - 1; i >= 0; i -= 1) {
    const before = weight[i] as number;
    if (one !== 0) {
      weight[i] = (next * (depth + 1)) / ((i + 1) * one);
      next = before - ((weight[i] as number) * zero * (depth - i)) / (depth + 1);
    } else weight[i] = (before * (depth + 1)) / (zero * (depth - i));
  }
  for (let i = index; i < depth; i += 1) {
    feature[i] = feature[i + 1] as number;
    zeros[i] = zeros[i + 1] as number;
    ones[i] = ones[i + 1] as number;
  }
};

/** The sum of the weights after UNWIND, without touching the path. */
const unwoundSum = ({ weight, zero: zeros, one: ones }: Path, depth: number, index: number): number => {
  const [zero, one] = [zeros[index] as number, ones[index] as number];
  let next = weight[depth] as number;
  let sum = 0;
  for (let i = depth - 1; i >= 0; i -= 1) {
    if (one !== 0) {
      const part = (next * (depth + 1)) / ((i + 1) * one);
      sum += part;
      next = (weight[i] as number) - (part * zero * (depth - i)) / (depth + 1);
    } else sum += ((weight[i] as number) * (depth + 1)) / (zero * (depth - i));
  }
  return sum;
};
