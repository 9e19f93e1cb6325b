// One segment of a training run: a fresh booster that continues from the model text before it (the way of Python's `init_model`).
import { PerennialError } from '../../core/errors.ts';
import type { Segment } from '../../core/learning/segments.ts';
import { Booster } from './booster.ts';
import type { Dataset, Matrix } from './dataset.ts';
import type { LightGbm } from './library.ts';
import type { Params } from './params.ts';

export interface SegmentInput {
  readonly library: LightGbm;
  readonly dataset: Dataset;
  /** The rows the dataset was made of: the earlier trees are asked for their scores there. */
  readonly matrix: Matrix;
  /** The parameters the dataset was made with; the segment's seed replaces theirs. */
  readonly params: Params;
  readonly threads: number;
  readonly segment: Segment;
  /** Model text of all rounds before this segment; absent for the first. */
  readonly earlier?: string;
  /** Called after each round with the rounds grown in all. */
  readonly onRound?: (round: number) => Promise<void>;
}

export interface SegmentOutput {
  /** Model text of all rounds so far. */
  readonly modelText: string;
  readonly trees: number;
  /** No tree could be split any more: later segments would add nothing. */
  readonly finished: boolean;
}

/** Trains one segment. Given equal inputs the model text is equal byte for byte, whichever process ran the segments before. */
export const trainSegment = async (input: SegmentInput): Promise<SegmentOutput> => {
  const earlier = input.earlier === undefined ? undefined : Booster.load(input.library, input.earlier);
  try {
    input.dataset.startFrom(earlier === undefined ? new Float64Array(0) : startScores(earlier, input));
    return await grow(input, earlier);
  } finally {
    earlier?.free();
  }
};

const grow = async (input: SegmentInput, earlier: Booster | undefined): Promise<SegmentOutput> => {
  const params = new Map(input.params).set('seed', input.segment.seed);
  const booster = Booster.train(input.library, input.dataset, params);
  try {
    if (earlier !== undefined) booster.merge(earlier);
    const finished = await growRounds(booster, input);
    return { modelText: booster.save(), trees: booster.trees, finished };
  } finally {
    booster.free();
  }
};

const growRounds = async (booster: Booster, { segment, onRound }: SegmentInput): Promise<boolean> => {
  for (let round = 1; round <= segment.rounds; round += 1) {
    if (booster.update()) return true;
    await onRound?.(segment.start + round);
  }
  return false;
};

/** LightGBM wants the scores of several classes class after class, and predicts them row after row. */
const startScores = (earlier: Booster, { matrix, params, threads }: SegmentInput): Float64Array => {
  if (params.get('boosting') === 'rf') {
    throw new PerennialError('INVALID_INPUT', 'A random forest cannot continue from earlier trees', {
      field: 'segmentRounds',
      mend: 'Set segmentRounds to the number of rounds.',
    });
  }
  const byRow = earlier.predict(matrix, 'raw', threads);
  const classes = byRow.length / matrix.rows;
  if (classes === 1) return byRow;
  const byClass = new Float64Array(byRow.length);
  for (let row = 0; row < matrix.rows; row += 1) {
    for (let k = 0; k < classes; k += 1) byClass[k * matrix.rows + row] = byRow[row * classes + k] ?? Number.NaN;
  }
  return byClass;
};
