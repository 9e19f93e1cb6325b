// Where a training run is cut into segments, so that a killed run continues bit for bit.
// A booster's sampling state cannot be saved; therefore the booster is rebuilt at every boundary, killed or not, with the segment's own seed.
import { PerennialError } from '../errors.ts';

export interface Segment {
  readonly index: number;
  /** Rounds grown before it. */
  readonly start: number;
  readonly rounds: number;
  readonly seed: number;
}

/** Segments of `segmentRounds` rounds (the last may be shorter). The first keeps the run's own seed, so one segment is plain LightGBM. */
export const planSegments = (rounds: number, segmentRounds: number, seed: number): readonly Segment[] => {
  requireCount('rounds', rounds);
  requireCount('segmentRounds', segmentRounds);
  return Array.from({ length: Math.ceil(rounds / segmentRounds) }, (_, index) => ({
    index,
    start: index * segmentRounds,
    rounds: Math.min(segmentRounds, rounds - index * segmentRounds),
    seed: segmentSeed(seed, index),
  }));
};

/** A seed in [0, 2³¹) per segment: the run's own for segment 0, else murmur3's finalizer over seed and index (Appleby, public domain). */
export const segmentSeed = (seed: number, index: number): number => {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 31) {
    throw new PerennialError('INVALID_INPUT', 'A seed is a whole number in [0, 2^31)', { field: 'seed', value: seed });
  }
  if (index === 0) return seed;
  let h = (seed + Math.imul(index, 0x9e3779b9)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 1;
};

const requireCount = (field: string, value: number): void => {
  if (!Number.isInteger(value) || value < 1) {
    throw new PerennialError('INVALID_INPUT', 'Expected a whole number of at least 1', { field, value });
  }
};
