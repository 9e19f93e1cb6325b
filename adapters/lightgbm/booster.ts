// A native LightGBM Booster: grows trees, predicts, and turns into text and back.
import { PerennialError } from '../../core/errors.ts';
import { type Dataset, FLOAT64, type Matrix } from './dataset.ts';
import { check, type Handle, type LightGbm, type Out, readText } from './library.ts';
import { type Params, paramText } from './params.ts';

/** normal: after the objective's transform · raw: sum of the trees · contribution: per feature and a bias (SHAP), class after class. */
export type PredictKind = 'normal' | 'raw' | 'contribution';
const PREDICT: Readonly<Record<PredictKind, number>> = { normal: 0, raw: 1, contribution: 3 };
const IMPORTANCE = { splits: 0, gain: 1 } as const;
const ALL = -1;

/** Owns native memory: call `free` when done. */
export class Booster {
  readonly handle: Handle;
  readonly featureCount: number;
  private readonly library: LightGbm;

  private constructor(library: LightGbm, handle: Handle) {
    this.library = library;
    this.handle = handle;
    this.featureCount = this.count(library.calls.boosterFeatures, 'count its features');
  }

  /** A booster without trees over a dataset that must outlive it. */
  static train(library: LightGbm, dataset: Dataset, params: Params): Booster {
    const out: Out<Handle> = [0n];
    check(library.calls, library.calls.boosterCreate(dataset.handle, paramText(params), out), 'create a booster');
    return new Booster(library, out[0]);
  }

  /** The booster of a saved model text. */
  static load(library: LightGbm, modelText: string): Booster {
    const out: Out<Handle> = [0n];
    check(library.calls, library.calls.boosterLoad(modelText, [0], out), 'read the model text');
    return new Booster(library, out[0]);
  }

  /** Puts the trees of `earlier` before this booster's own. */
  merge(earlier: Booster): void {
    check(this.library.calls, this.library.calls.boosterMerge(this.handle, earlier.handle), 'merge two boosters');
  }

  /** Adds data to be judged on; it must have been created with the training dataset as `reference`. */
  addValid(dataset: Dataset): void {
    check(this.library.calls, this.library.calls.boosterAddValid(this.handle, dataset.handle), 'add validation data');
  }

  /** Grows one round of trees; true when no tree could be split any more (LightGBM then drops the last, empty ones). */
  update(): boolean {
    const finished: Out<number> = [0];
    check(this.library.calls, this.library.calls.boosterUpdate(this.handle, finished), 'grow a tree');
    return finished[0] === 1;
  }

  /** The metrics of the parameters on data `index`: 0 training, 1… validation in the order added. */
  eval(index: number): Float64Array {
    const count = this.count(this.library.calls.boosterEvalCount, 'count its metrics');
    const values = new Float64Array(count);
    check(this.library.calls, this.library.calls.boosterEval(this.handle, index, [0], values), 'judge the model');
    return values;
  }

  /** Model text of all trees. */
  save(): string {
    const { calls } = this.library;
    return readText(calls, 'write the model', (...to) =>
      calls.boosterSave(this.handle, 0, ALL, IMPORTANCE.splits, ...to),
    );
  }

  /** The model as LightGBM's JSON dump: what the ONNX exporter reads. */
  dump(): unknown {
    const { calls } = this.library;
    const call = (...to: [number, Out<number>, Buffer | null]): number =>
      calls.boosterDump(this.handle, 0, ALL, IMPORTANCE.splits, ...to);
    return JSON.parse(readText(calls, 'dump the model', call));
  }

  /** Importance per feature: how often it splits, or how much loss its splits took away. */
  importance(kind: keyof typeof IMPORTANCE): Float64Array {
    const values = new Float64Array(this.featureCount);
    const { calls } = this.library;
    check(calls, calls.boosterImportance(this.handle, ALL, IMPORTANCE[kind], values), 'compute importance');
    return values;
  }

  /** Trees in all (rounds × classes). */
  get trees(): number {
    return this.count(this.library.calls.boosterTotalModels, 'count its trees');
  }

  /** Predictions of a kind for every row, row after row (classes of a row beside each other). */
  predict({ values, rows, columns }: Matrix, kind: PredictKind, threads: number): Float64Array {
    if (values.length !== rows * columns || columns !== this.featureCount) {
      throw new PerennialError('INVALID_INPUT', `Expected ${rows} rows of ${this.featureCount} features`, {
        field: 'matrix',
        value: { values: values.length, columns },
      });
    }
    const { calls } = this.library;
    const type = PREDICT[kind];
    const length: Out<number> = [0];
    check(calls, calls.boosterPredictLength(this.handle, rows, type, 0, ALL, length), 'size the predictions');
    const out = new Float64Array(length[0]);
    const params = `num_threads=${threads}`;
    const code = calls.boosterPredict(
      this.handle,
      values,
      FLOAT64,
      rows,
      columns,
      1,
      type,
      0,
      ALL,
      params,
      length,
      out,
    );
    check(calls, code, 'predict');
    return out;
  }

  free(): void {
    check(this.library.calls, this.library.calls.boosterFree(this.handle), 'free a booster');
  }

  private count(call: (booster: Handle, out: Out<number>) => number, doing: string): number {
    const out: Out<number> = [0];
    check(this.library.calls, call(this.handle, out), doing);
    return out[0];
  }
}
