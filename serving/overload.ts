// When there is too much to do, some requests are refused at once instead of all being answered late: 503 with Retry-After. The others
// stand in line, and begin a slice of time at a turn, so that no turn of the event loop is so long that a refusal comes late as well.
// It stands before Fastify: who waits or is refused has cost no more than its head.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { FastifyInstance } from 'fastify';
import { Yallist } from 'yallist';
import type { ApiPolicy } from '../core/api-policy.ts';
import { problem } from './problem.ts';

export interface Limits {
  /** Requests in line or being answered. */
  readonly inFlight: number;
  /**
   * What the requests in line may weigh, in bytes: a thousand small ones are soon done, a thousand large ones stand there until the
   * collector has copied them twice.
   */
  readonly lineBytes: number;
  /** Milliseconds that the next in line may have waited: whoever comes now would wait no less. */
  readonly waitMs: number;
  /** Milliseconds that the event loop may keep its callers waiting. */
  readonly delayMs: number;
  /** Milliseconds of a turn of the event loop in which requests begin. */
  readonly sliceMs: number;
}

/** Far above what a healthy server needs for a thousand connections, far below what would exhaust its memory. */
export const usualLimits: Limits = {
  inFlight: 2_400,
  lineBytes: 6 * 1024 * 1024,
  waitMs: 750,
  delayMs: 500,
  sliceMs: 3,
};

export interface Overload {
  readonly limits?: Limits;
  /** Present delay of the event loop, in milliseconds. */
  readonly delayMs: () => number;
  readonly onShed?: (reason: Reason) => void;
  /** Milliseconds since whenever. */
  readonly clock?: () => number;
  /** Runs work in the next turn of the event loop. */
  readonly nextTurn?: (work: () => void) => void;
}

const reasons = ['in flight', 'line', 'waiting', 'event loop'] as const;
export type Reason = (typeof reasons)[number];

export type Handle = (request: IncomingMessage, answer: ServerResponse) => void;

export interface Handled {
  /** How many requests have begun and are not answered yet. */
  readonly begun: () => number;
  /** Addresses that are never refused. */
  readonly exempt: ReadonlySet<string>;
}

/** Handles whatever is not too much, in its turn, and refuses the rest. */
export const shedOverload = (
  handle: Handle,
  { begun, exempt }: Handled,
  {
    limits = usualLimits,
    delayMs,
    onShed,
    clock = performance.now.bind(performance),
    nextTurn = setImmediate,
  }: Overload,
): Handle => {
  const line = new Line(handle, { sliceMs: limits.sliceMs, clock, nextTurn });
  const overloaded = (): Reason | undefined => {
    if (begun() + line.length >= limits.inFlight) return 'in flight';
    if (line.bytes > limits.lineBytes) return 'line';
    if (line.waitedMs() > limits.waitMs) return 'waiting';
    return delayMs() > limits.delayMs ? 'event loop' : undefined;
  };
  return (request, answer) => {
    if (exempt.has(request.url?.split('?')[0] ?? '')) return handle(request, answer);
    const reason = overloaded();
    if (reason === undefined) return line.join(request, answer);
    onShed?.(reason);
    refuse(answer, reason);
  };
};

/** Those who look after the server must get through when nobody else does. */
const EXEMPT: ReadonlySet<ApiPolicy | undefined> = new Set(['health', 'metrics']);

/** Gathers the addresses of those routes. Register it before them. */
export const noteExempt = (app: FastifyInstance, exempt: Set<string>): void => {
  app.addHook('onRoute', ({ url, config }) => {
    if (EXEMPT.has(config?.policy)) exempt.add(url);
  });
};

const WAITED = Symbol('milliseconds in line');

interface Waiter extends IncomingMessage {
  [WAITED]?: number;
}

/** Milliseconds that a request stood in line before it began. */
export const waitedMs = (request: Waiter): number => request[WAITED] ?? 0;

interface Waiting {
  readonly request: Waiter;
  readonly answer: ServerResponse;
  readonly since: number;
  readonly bytes: number;
}

/** Of a request without its body, as node holds it. */
const HEAD_BYTES = 2_600;
/** node reads no more of a body before somebody wants it. */
const READ_AHEAD_BYTES = 64 * 1024;

const weightOf = ({ headers }: IncomingMessage): number => {
  const announced = Number(headers['content-length'] ?? 0);
  const body = headers['transfer-encoding'] === undefined ? announced : READ_AHEAD_BYTES;
  return HEAD_BYTES + Math.min(body, READ_AHEAD_BYTES);
};

interface LineOptions extends Pick<Limits, 'sliceMs'>, Required<Pick<Overload, 'clock' | 'nextTurn'>> {}

/** Requests that have not begun, the first come first. It holds nobody who has left it, however long it never empties. */
class Line {
  private readonly handle: Handle;
  private readonly sliceMs: number;
  private readonly clock: () => number;
  private readonly nextTurn: (work: () => void) => void;
  private readonly waiting = new Yallist<Waiting>();
  /** When the first request of this turn began. */
  private turnBegan: number | undefined;
  bytes = 0;

  constructor(handle: Handle, { sliceMs, clock, nextTurn }: LineOptions) {
    this.handle = handle;
    this.sliceMs = sliceMs;
    this.clock = clock;
    this.nextTurn = nextTurn;
  }

  /** Begins now, if nobody waits and this turn has time. */
  join(request: Waiter, answer: ServerResponse): void {
    const free = this.hasTime();
    if (free && this.length === 0) {
      this.handle(request, answer);
      return;
    }
    const bytes = weightOf(request);
    this.waiting.push({ request, answer, since: this.clock(), bytes });
    this.bytes += bytes;
  }

  get length(): number {
    return this.waiting.length;
  }

  /** How long the next has waited; 0 where nobody waits. */
  waitedMs(): number {
    const { head } = this.waiting;
    return head ? this.clock() - head.value.since : 0;
  }

  private hasTime(): boolean {
    const now = this.clock();
    if (this.turnBegan === undefined) {
      this.turnBegan = now;
      this.nextTurn(() => {
        this.turnBegan = undefined;
        this.advance();
      });
    }
    return now - this.turnBegan < this.sliceMs;
  }

  private readonly advance = (): void => {
    const { head } = this.waiting;
    if (!head || !this.hasTime()) return;
    // Not shift(), which leaves who went old a hold on all who came after.
    this.waiting.removeNode(head);
    const { request, answer, since, bytes } = head.value;
    this.bytes -= bytes;
    request[WAITED] = this.clock() - since;
    // Whoever went away meanwhile is answered by nobody.
    if (!answer.destroyed) this.handle(request, answer);
    // After what the request does at once, which counts to the slice.
    process.nextTick(this.advance);
  };
}

const REFUSALS = new Map(
  reasons.map((value) => {
    const mend = 'Try again after the time that Retry-After names';
    const body = JSON.stringify(problem(503, 'The server has too much to do', { field: 'load', value, mend }));
    return [value, Buffer.from(body)] as const;
  }),
);

/** Written without any further step: those who are refused must not cost what the others are in need of. */
const refuse = (answer: ServerResponse, reason: Reason): void => {
  const body = REFUSALS.get(reason) ?? Buffer.alloc(0);
  const head = { 'content-type': 'application/problem+json', 'content-length': body.length, 'retry-after': '1' };
  answer.writeHead(503, head).end(body);
};

const SAMPLE_MS = 250;
const RESOLUTION_MS = 10;

export interface DelayWatch {
  /** Mean delay of the event loop over the last quarter of a second, in milliseconds; 0 before the watch has begun. */
  readonly delayMs: () => number;
  /** Once callers may come: a process that starts is late without having too much to do. */
  begin(): void;
  close(): void;
}

export const watchDelay = (): DelayWatch => {
  const histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let latest = 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    delayMs: () => latest,
    begin: () => {
      histogram.enable();
      timer = setInterval(() => {
        latest = Number.isNaN(histogram.mean) ? 0 : Math.max(0, histogram.mean / 1e6 - RESOLUTION_MS);
        histogram.reset();
      }, SAMPLE_MS).unref();
    },
    close: () => {
      clearInterval(timer);
      histogram.disable();
    },
  };
};
