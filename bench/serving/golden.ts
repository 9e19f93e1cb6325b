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

export const isRefusal = (status: number): boolean => status === 429 || status === 503;

/** Counts an answer. */
export const judged = (scene: Pick<Scene, 'golden'>, counts: Tally, status: number, body: string): void => {
  if (isRefusal(status)) counts.refused += 1;
  else counts[status === 200 && isGolden(scene, body) ? 'right' : 'wrong'] += 1;
};

/** Of a probability computed in another order of additions. */
export const isNear = (said: unknown, golden: number): boolean =>
  typeof said === 'number' && Math.abs(said - golden) <= MOST_DIFFERENCE;

/** An answer of `/predict`. */
export const isGolden = (scene: Pick<Scene, 'golden'>, body: string): boolean => {
  const { entity, model, probability, cold_start } = JSON.parse(body);
  return model === MODEL && cold_start === false && isNear(probability, scene.golden(Number(entity)));
};

/** The value below which `share` of the sorted values lie. */
export const quantile = (sorted: ArrayLike<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
