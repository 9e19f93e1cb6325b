// Reasons on their thread: what the event loop would have said, while it answers others; bounded, and alive after whatever befalls the thread.
import type { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import type { TreeModel } from '../../../core/learning/tree-model.ts';
import { treeShap } from '../../../core/learning/tree-shap.ts';
import { randomStream } from '../../../core/random.ts';
import { Explainer } from '../../../serving/scoring/explainer.ts';

const WIDTH = 8;

/** Full trees of numeric splits, drawn by chance. */
const forest = (trees: number, levels: number, seed: number): TreeModel => {
  const random = randomStream(seed);
  const inner = 2 ** levels - 1;
  const all = <T>(count: number, value: (at: number) => T): T[] =>
    Array.from({ length: count * trees }, (_, i) => value(i));
  const child = (side: number) =>
    all(inner, (i) => {
      const [first, within] = [Math.floor(i / inner) * inner, 2 * (i % inner) + side];
      return within < inner ? first + within : ~(Math.floor(i / inner) * (inner + 1) + within - inner);
    });
  const depthOf = (within: number): number => Math.floor(Math.log2(within + 1));
  return {
    features: Array.from({ length: WIDTH }, (_, i) => `f${i}`),
    roots: Int32Array.from({ length: trees }, (_, tree) => tree * inner),
    kind: new Uint8Array(inner * trees),
    feature: Int32Array.from(all(inner, () => Math.floor(random() * WIDTH))),
    threshold: Float64Array.from(all(inner, random)),
    left: Int32Array.from(child(1)),
    right: Int32Array.from(child(2)),
    missing: Int32Array.from(child(1)),
    setFrom: new Int32Array(inner * trees),
    setTo: new Int32Array(inner * trees),
    sets: new Uint32Array(0),
    leafValue: Float64Array.from(all(inner + 1, () => random() - 0.5)),
    nodeRows: Float64Array.from(all(inner, (i) => 2 ** (levels - depthOf(i % inner)))),
    leafRows: Float64Array.from(all(inner + 1, () => 1)),
  };
};

const rowsOf = (count: number, seed: number): Float64Array[] => {
  const random = randomStream(seed);
  return Array.from({ length: count }, () => Float64Array.from({ length: WIDTH }, random));
};

let explainer: Explainer;
afterEach(() => explainer?.close());

describe('the thread of reasons', () => {
  it('says to the bit what the event loop would have said, of several models at once', async () => {
    explainer = new Explainer();
    const rows = rowsOf(5, 1);
    const models = [forest(20, 5, 2), forest(7, 3, 3)];
    const opened = models.map((model) => explainer.open(model));
    const found = await Promise.all(opened.map((model) => model.explain(rows)));
    expect(found).toEqual(models.map((model) => rows.map(treeShap(model))));
    expect(await opened[1]?.explain(rows.slice(0, 1))).toEqual(found[1]?.slice(0, 1));
  });

  it('lets the event loop turn meanwhile', async () => {
    explainer = new Explainer();
    const model = explainer.open(forest(200, 8, 4));
    const rows = rowsOf(20, 5);
    await model.explain(rows.slice(0, 1));
    let turns = 0;
    let explaining = true;
    const turn = () => {
      turns += 1;
      if (explaining) setImmediate(turn);
    };
    const asked = model.explain(rows);
    turn();
    await asked;
    explaining = false;
    expect(turns).toBeGreaterThan(20);
  });

  it('refuses what it has no room for, and has room again once it has answered', async () => {
    explainer = new Explainer({ room: 4 });
    const model = explainer.open(forest(2, 3, 6));
    const first = model.explain(rowsOf(3, 7));
    await expect(model.explain(rowsOf(2, 8))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      context: { field: 'explain' },
    });
    expect(await model.explain(rowsOf(1, 8))).toHaveLength(1);
    expect(await first).toHaveLength(3);
    expect(await model.explain(rowsOf(4, 9))).toHaveLength(4);
  });

  it('outlives a model that cannot be walked, a model that was closed, and the thread itself', async () => {
    explainer = new Explainer();
    const [good, rows] = [forest(2, 3, 10), rowsOf(2, 11)];
    const circle = { ...good, left: good.left.fill(0, 0, 1), right: Int32Array.from(good.right) };
    await expect(explainer.open(circle).explain(rows)).rejects.toThrow(/RangeError/);
    const sound = forest(2, 3, 10);
    const [one, other] = [explainer.open(sound), explainer.open(sound)];
    const right = rows.map(treeShap(sound));
    expect(await one.explain(rows)).toEqual(right);
    one.close();
    expect(await other.explain(rows)).toEqual(right);
    const { thread } = explainer as unknown as { readonly thread: { readonly worker: Worker } };
    // Whatever it still says before it ends, nobody hears.
    thread.worker.removeAllListeners('message');
    const lost = other.explain(rows);
    await Promise.all([expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' }), thread.worker.terminate()]);
    expect(await other.explain(rows)).toEqual(right);
  });

  it('leaves nobody waiting when it is closed', async () => {
    explainer = new Explainer();
    const model = explainer.open(forest(200, 8, 12));
    const asked = model.explain(rowsOf(50, 13));
    await Promise.all([expect(asked).rejects.toMatchObject({ code: 'UNAVAILABLE' }), explainer.close()]);
    await expect(model.explain(rowsOf(1, 14))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
