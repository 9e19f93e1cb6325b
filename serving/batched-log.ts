// Remembers records until they are written, in batches, behind the requests' back: a full memory drops records, never slows a request.
// What is noted of answers and of reads goes this way.
import { randomUUID } from 'node:crypto';
import { PerennialError } from '../core/errors.ts';
import type { Log } from './ports.ts';

/** Written whole or not at all; the same batch again changes nothing. */
export interface Batch<Row> {
  readonly id: string;
  readonly rows: readonly Row[];
}

export interface BatchSink<Row> {
  /** Rejects with a hopeless PerennialError for a batch that it will never take. */
  write(batch: Batch<Row>): Promise<void>;
}

export interface LogCounts {
  readonly waiting: number;
  readonly written: number;
  /** For want of room: the answers were given, their record is lost. */
  readonly dropped: number;
}

export interface BatchedLogOptions<Row> {
  readonly sink: BatchSink<Row>;
  readonly log: Log;
  /** What is logged, as a warning names it. */
  readonly what: string;
  /** Records in memory at most. */
  readonly room: number;
  readonly batchRows: number;
  /** How many records a row counts for. Default: one. */
  readonly weigh?: (row: Row) => number;
}

interface Sealed<Row> extends Batch<Row> {
  readonly weight: number;
}

export class BatchedLog<Row> {
  private readonly options: Required<BatchedLogOptions<Row>>;
  private open: Row[] = [];
  private openWeight = 0;
  private readonly sealed: Sealed<Row>[] = [];
  private waiting = 0;
  private written = 0;
  private dropped = 0;
  private flushing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private trouble = false;

  constructor(options: BatchedLogOptions<Row>) {
    this.options = { weigh: () => 1, ...options };
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
  add(row: Row): void {
    const { room, batchRows, weigh } = this.options;
    const weight = weigh(row);
    if (this.waiting + weight > room) {
      this.dropped += weight;
      return;
    }
    this.waiting += weight;
    this.openWeight += weight;
    this.open.push(row);
    if (this.openWeight >= batchRows) this.seal();
  }

  counts(): LogCounts {
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
    this.sealed.push({ id: randomUUID(), rows: this.open, weight: this.openWeight });
    this.open = [];
    this.openWeight = 0;
  }

  private async writeAll(): Promise<void> {
    this.seal();
    for (let batch = this.sealed[0]; batch; batch = this.sealed[0]) {
      const became = await this.tryToWrite(batch);
      if (became === 'waits') return;
      this.sealed.shift();
      this.waiting -= batch.weight;
      this[became] += batch.weight;
    }
  }

  /** One that can never be written must not hold up those behind it. */
  private async tryToWrite({ id, rows }: Sealed<Row>): Promise<'written' | 'dropped' | 'waits'> {
    const { sink, log, what } = this.options;
    try {
      await sink.write({ id, rows });
      this.trouble = false;
      return 'written';
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof PerennialError && error.hopeless) {
        log.warn({ reason, batch: id, rows: rows.length }, `A batch of ${what} was refused and is lost`);
        return 'dropped';
      }
      if (!this.trouble)
        log.warn({ reason, ...this.counts() }, `The log of ${what} cannot be written; it waits in memory`);
      this.trouble = true;
      return 'waits';
    }
  }
}
