// The log of answers, as serving keeps it: what it holds, and how much.
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import { type Batch, BatchedLog, type BatchedLogOptions, type BatchSink } from '../batched-log.ts';

export type PredictionBatch = Batch<LoggedPrediction>;
export type PredictionSink = BatchSink<LoggedPrediction>;

type Options = Pick<BatchedLogOptions<LoggedPrediction>, 'sink' | 'log'> &
  Partial<Pick<BatchedLogOptions<LoggedPrediction>, 'room' | 'batchRows'>>;

const ROOM = 50_000;
/** Small: turning a batch into text is time in which nobody is answered. */
const BATCH_ROWS = 250;

export class PredictionLog extends BatchedLog<LoggedPrediction> {
  constructor(options: Options) {
    super({ room: ROOM, batchRows: BATCH_ROWS, what: 'predictions', ...options });
  }
}
