// Reasons are computed on a thread of their own: a row takes milliseconds, in which the event loop answers others. What is more than the
// thread can do within a moment is refused at once.
import { Worker } from 'node:worker_threads';
import { PerennialError } from '../../core/errors.ts';
import type { TreeModel } from '../../core/learning/tree-model.ts';
import type { Contributions } from '../../core/learning/tree-shap.ts';
import type { Explained, ToExplain } from './explainer-thread.ts';

/** A model whose rows can be explained until it is closed. */
export interface OpenExplainer {
  /** Rows in the model's order of features; their reasons in the same order. */
  explain(rows: readonly Float64Array[]): Promise<readonly Contributions[]>;
  close(): void;
}

interface Waiting {
  readonly rows: number;
  readonly resolve: (found: readonly Contributions[]) => void;
  readonly reject: (error: Error) => void;
}

const THREAD = new URL('./explainer-thread.mjs', import.meta.url);
/** Rows that wait or are being explained at most: half a second of work. */
const ROOM = 256;

export class Explainer {
  private readonly room: number;
  private readonly waiting = new Map<number, Waiting>();
  private thread: { readonly worker: Worker; readonly known: Set<number> } | undefined;
  private rows = 0;
  private numbers = 0;
  private closed = false;

  constructor({ room = ROOM }: { readonly room?: number } = {}) {
    this.room = room;
  }

  open(model: TreeModel): OpenExplainer {
    const key = this.nextNumber();
    return {
      explain: (rows) => this.ask(key, model, rows),
      close: () => {
        if (this.thread?.known.delete(key)) this.thread.worker.postMessage({ forget: key } satisfies ToExplain);
      },
    };
  }

  /** What still waits is refused. */
  async close(): Promise<void> {
    this.closed = true;
    const { thread } = this;
    this.abandon(new Error('The server stops'));
    await thread?.worker.terminate();
  }

  private async ask(key: number, model: TreeModel, rows: readonly Float64Array[]): Promise<readonly Contributions[]> {
    if (this.closed || this.rows + rows.length > this.room) throw busy(this.rows);
    this.thread ??= this.start();
    const { worker, known } = this.thread;
    const id = this.nextNumber();
    this.rows += rows.length;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { rows: rows.length, resolve, reject });
      worker.postMessage({ id, key, rows, ...(!known.has(key) && { model }) } satisfies ToExplain);
      known.add(key);
    });
  }

  /** A thread that died is replaced by the next question. */
  private start(): { worker: Worker; known: Set<number> } {
    const worker = new Worker(THREAD, { execArgv: [] });
    const died = (cause: unknown) => {
      if (this.thread?.worker === worker) this.abandon(cause);
    };
    worker.on('message', (answer: Explained) => this.arrive(answer));
    worker.once('error', died);
    worker.once('exit', (code) => died(new Error(`The thread ended with ${code}`)));
    worker.unref();
    return { worker, known: new Set() };
  }

  private arrive(answer: Explained): void {
    const waiting = this.waiting.get(answer.id);
    if (!waiting) return;
    this.waiting.delete(answer.id);
    this.rows -= waiting.rows;
    if ('found' in answer) waiting.resolve(answer.found);
    else waiting.reject(new Error(answer.failed));
  }

  private abandon(cause: unknown): void {
    const left = [...this.waiting.values()];
    this.thread = undefined;
    this.waiting.clear();
    this.rows = 0;
    for (const { reject } of left) reject(ended(cause));
  }

  private nextNumber(): number {
    this.numbers += 1;
    return this.numbers;
  }
}

const busy = (rows: number): PerennialError =>
  new PerennialError('UNAVAILABLE', 'Too many reasons are being worked out at the moment', {
    field: 'explain',
    value: rows,
    mend: 'Try again, or ask without explain',
  });

const ended = (cause: unknown): PerennialError =>
  new PerennialError('UNAVAILABLE', 'The reasons could not be worked out', {
    field: 'explain',
    mend: 'Try again, or ask without explain',
    cause,
  });
