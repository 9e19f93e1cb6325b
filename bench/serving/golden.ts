// Whether an answer is the right one: every body of every run is held against what ONNX Runtime made of that entity beside the server.
import { MODEL, type Scene } from './scene.ts';

const MOST_DIFFERENCE = 1e-9;

export interface Tally {
  right: number;
  /** 429 and 503: said at once rather than answered late. */
  refused: number;
  wrong: number;
}

export const tally = (): Tally => ({ right: 0, refused: 0, wrong: 0 });

/** What is asked, and whether an answer with 200 is right. */
export interface Question {
  readonly path: string;
  readonly body: string | Buffer;
  readonly right: (body: string) => boolean;
}

/** What an answer counts for. */
export const verdict = (status: number, right: () => boolean): keyof Tally => {
  if (status === 429 || status === 503) return 'refused';
  return status === 200 && right() ? 'right' : 'wrong';
};

/** Of a probability computed in another order of additions. */
export const isNear = (said: unknown, golden: number): boolean =>
  typeof said === 'number' && Math.abs(said - golden) <= MOST_DIFFERENCE;

/** An answer of `/predict`. */
export const isGolden = (scene: Pick<Scene, 'golden'>, body: string): boolean => {
  const { entity, model, probability, cold_start } = JSON.parse(body);
  return model === MODEL && cold_start === false && isNear(probability, scene.golden(Number(entity)));
};

/** Of times in milliseconds; NaN where there are none. */
export const spread = (took: readonly number[]) => {
  const sorted = Float64Array.from(took).sort();
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(sorted, share)) as [number, number, number];
  return { p50, p95, p99, max: sorted.at(-1) ?? Number.NaN };
};

/** The value below which `share` of the sorted values lie. */
const quantile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;

/** Milliseconds as they are told; a dash where there are none. */
export const ms = (value: number): string =>
  Number.isNaN(value) ? '–' : value < 10 ? value.toFixed(2) : value.toFixed(0);
