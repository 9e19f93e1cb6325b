// Remembers answers until they are written, in batches, behind the requests' back: a full memory drops records, never slows a request.
import { randomUUID } from 'node:crypto';
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import type { Log } from '../ports.ts';

/** Written whole or not at all; the same batch again changes nothing. */
export interface PredictionBatch {
  readonly id: string;
  readonly rows: readonly LoggedPrediction[];
}

export interface PredictionSink {
  write(batch: PredictionBatch): Promise<void>;
}

export interface PredictionCounts {
  readonly waiting: number;
  readonly written: number;
  /** For want of room: the answers were given, their record is lost. */
  readonly dropped: number;
}

export interface PredictionLogOptions {
  readonly sink: PredictionSink;
  readonly log: Log;
  /** Records in memory at most. */
  readonly room?: number;
  readonly batchRows?: number;
}

const ROOM = 50_000;
/** Small: turning a batch into text is time in which nobody is answered. */
const BATCH_ROWS = 250;

export class PredictionLog {
  private readonly options: PredictionLogOptions;
  private open: LoggedPrediction[] = [];
  private readonly sealed: PredictionBatch[] = [];
  private waiting = 0;
  private written = 0;
  private dropped = 0;
  private flushing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private trouble = false;

  constructor(options: PredictionLogOptions) {
    this.options = options;
  }

  /** Writes every `everyMs` what has come. */
  start(everyMs = 1_000): void {
    this.timer = setInterval(() => void this.flush(), everyMs).unref();
  }

  /** Writes what is left, as far as the sink takes it. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
    await this.flush();
  }

  /** Never waits and never throws. */
  add(prediction: LoggedPrediction): void {
    const { room = ROOM, batchRows = BATCH_ROWS } = this.options;
    if (this.waiting >= room) {
      this.dropped += 1;
      return;
    }
    this.waiting += 1;
    if (this.open.push(prediction) >= batchRows) this.seal();
  }

  counts(): PredictionCounts {
    return { waiting: this.waiting, written: this.written, dropped: this.dropped };
  }

  /** One at a time. Never rejects: what the sink does not take waits for the next time. */
  flush(): Promise<void> {
    this.flushing ??= this.writeAll().finally(() => {
      this.flushing = undefined;
    });
    return this.flushing;
  }

  /** A batch keeps its name and its rows however often it is tried: that an answer was lost must not write it twice. */
  private seal(): void {
    if (this.open.length === 0) return;
    this.sealed.push({ id: randomUUID(), rows: this.open });
    this.open = [];
  }

  private async writeAll(): Promise<void> {
    const { sink, log } = this.options;
    this.seal();
    for (let batch = this.sealed[0]; batch; batch = this.sealed[0]) {
      try {
        await sink.write(batch);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (!this.trouble) log.warn({ reason, ...this.counts() }, 'Predictions cannot be logged; they wait in memory');
        this.trouble = true;
        return;
      }
      this.sealed.shift();
      this.trouble = false;
      this.waiting -= batch.rows.length;
      this.written += batch.rows.length;
    }
  }
}
