// Rows made to break an export: exactly on thresholds and one rounding unit beside them, nulls, infinities, almost-zeros, unseen categories.
import { randomStream } from '../../core/random.ts';
import { isSplit, readDump, type TreeNode } from './dump.ts';
import { ZERO_THRESHOLD } from './trees.ts';

export interface Rows {
  /** Row after row. */
  readonly values: Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** What the trees ask of one feature. */
interface Asked {
  readonly thresholds: Set<number>;
  readonly categories: Set<number>;
}

const NEAR_ZERO = [0, -0, 1e-36, -1e-36, ZERO_THRESHOLD, -ZERO_THRESHOLD].flatMap((x) => [
  x,
  neighbour(x, 1),
  neighbour(x, -1),
]);

/** Rows for the model of a dump. A quarter of numeric cells walk through all thresholds in turn, each exact, one ulp above, one below. */
export const adversarialRows = (
  dump: unknown,
  { rows, seed }: { readonly rows: number; readonly seed: number },
): Rows => {
  const { features, trees } = readDump(dump);
  const asked = features.map((): Asked => ({ thresholds: new Set(), categories: new Set() }));
  for (const tree of trees) collect(tree, asked);
  const random = randomStream(seed);
  const cells = asked.map((feature) =>
    feature.categories.size > 0 ? categorical(feature, random) : numeric(feature, random),
  );
  const values = new Float64Array(rows * features.length);
  for (let i = 0; i < values.length; i += 1) values[i] = cells[i % features.length]?.() ?? 0;
  return { values, rows, columns: features.length };
};

const collect = (tree: TreeNode, asked: readonly Asked[]): void => {
  if (!isSplit(tree)) return;
  const feature = asked[tree.feature];
  if (tree.categories === undefined) feature?.thresholds.add(tree.threshold);
  else for (const category of tree.categories) feature?.categories.add(category);
  collect(tree.left, asked);
  collect(tree.right, asked);
};

const numeric = ({ thresholds }: Asked, random: () => number): (() => number) => {
  const sorted = [...thresholds].filter((threshold) => Math.abs(threshold) < 1e300).sort((a, b) => a - b);
  const edges = sorted.flatMap((x) => [x, neighbour(x, 1), neighbour(x, -1)]);
  const low = sorted[0] ?? -1;
  const span = (sorted.at(-1) ?? 1) - low + 1;
  let turn = 0;
  return () => {
    const kind = random();
    if (kind < 0.25 && edges.length > 0) return edges[turn++ % edges.length] ?? 0;
    if (kind < 0.3) return Number.NaN;
    if (kind < 0.36) return NEAR_ZERO[Math.floor(random() * NEAR_ZERO.length)] ?? 0;
    if (kind < 0.38) return random() < 0.5 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return low + span * (random() * 1.5 - 0.25);
  };
};

const categorical = ({ categories }: Asked, random: () => number): (() => number) => {
  const known = [...categories].sort((a, b) => a - b);
  const highest = known.at(-1) ?? 0;
  return () => {
    const kind = random();
    if (kind < 0.05) return Number.NaN;
    if (kind < 0.1) return highest + 1 + Math.floor(random() * 1000);
    if (kind < 0.12) return -1 - Math.floor(random() * 3);
    if (kind < 0.2) return Math.floor(random() * (highest + 1));
    return known[Math.floor(random() * known.length)] ?? 0;
  };
};

/** The next float64 above (direction 1) or below (−1). */
function neighbour(x: number, direction: 1 | -1): number {
  if (x === 0) return direction * Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(x > 0 ? direction : -direction));
  return view.getFloat64(0);
}
