// When there is too much to do, some requests are refused at once instead of all being answered late: 503 with Retry-After. The others
// stand in line, and begin a slice of time at a turn, so that no turn of the event loop is so long that a refusal comes late as well.
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ApiPolicy } from '../core/api-policy.ts';
import type { InFlight } from './in-flight.ts';
import { problem } from './problem.ts';

export interface Limits {
  /** Requests in line or being answered. */
  readonly inFlight: number;
  /** Milliseconds that the next in line may have waited: whoever comes now would wait no less. */
  readonly waitMs: number;
  /** Milliseconds that the event loop may keep its callers waiting. */
  readonly delayMs: number;
  /** Milliseconds of a turn of the event loop in which requests begin. */
  readonly sliceMs: number;
}

/** Far above what a healthy server needs for a thousand connections, far below what would exhaust its memory. */
export const usualLimits: Limits = { inFlight: 1_600, waitMs: 750, delayMs: 500, sliceMs: 3 };

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

const reasons = ['in flight', 'waiting', 'event loop'] as const;
export type Reason = (typeof reasons)[number];

/** Those who look after the server must get through when nobody else does. */
const EXEMPT: ReadonlySet<ApiPolicy | undefined> = new Set(['health', 'metrics']);

/** Refuses what comes beyond the limits. Register it before anything that costs, and after what counts the requests. */
export const shedOverload = (app: FastifyInstance, { count }: InFlight, given: Overload): void => {
  const { limits = usualLimits, delayMs, onShed, clock = performance.now.bind(performance) } = given;
  const line = new Line(limits.sliceMs, clock, given.nextTurn ?? setImmediate);
  const overloaded = (): Reason | undefined => {
    // The one who asks is counted already.
    if (count() > limits.inFlight) return 'in flight';
    if (line.waitedMs() > limits.waitMs) return 'waiting';
    return delayMs() > limits.delayMs ? 'event loop' : undefined;
  };
  app.addHook('onRequest', (request, reply, done) => {
    if (EXEMPT.has(request.routeOptions.config.policy)) return done();
    const reason = overloaded();
    if (reason === undefined) return line.join(reply, done);
    onShed?.(reason);
    refuse(reply, reason);
  });
};

/** Requests that have not begun, the first come first. */
class Line {
  private readonly sliceMs: number;
  private readonly clock: () => number;
  private readonly nextTurn: (work: () => void) => void;
  private waiting: { readonly reply: FastifyReply; readonly begin: () => void; readonly since: number }[] = [];
  private next = 0;
  /** When the first request of this turn began. */
  private turnBegan: number | undefined;

  constructor(sliceMs: number, clock: () => number, nextTurn: (work: () => void) => void) {
    this.sliceMs = sliceMs;
    this.clock = clock;
    this.nextTurn = nextTurn;
  }

  /** Begins now, if nobody waits and this turn has time. */
  join(reply: FastifyReply, begin: () => void): void {
    const free = this.hasTime();
    if (free && this.waiting.length === 0) begin();
    else this.waiting.push({ reply, begin, since: this.clock() });
  }

  /** How long the next has waited; 0 where nobody waits. */
  waitedMs(): number {
    const first = this.waiting[this.next];
    return first ? this.clock() - first.since : 0;
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
    const first = this.waiting[this.next];
    if (!first) {
      this.waiting = [];
      this.next = 0;
      return;
    }
    if (!this.hasTime()) return;
    this.next += 1;
    // Whoever went away meanwhile is answered by nobody.
    if (!first.reply.raw.destroyed) first.begin();
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
const refuse = (reply: FastifyReply, reason: Reason): void => {
  const body = REFUSALS.get(reason) ?? Buffer.alloc(0);
  const head = { 'content-type': 'application/problem+json', 'content-length': body.length, 'retry-after': '1' };
  reply.hijack();
  reply.raw.writeHead(503, head).end(body);
};

const SAMPLE_MS = 250;
const RESOLUTION_MS = 10;

/** Mean delay of the event loop over the last quarter of a second. */
export const watchDelay = (): { delayMs: () => number; close: () => void } => {
  const histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  let latest = 0;
  const timer = setInterval(() => {
    latest = Number.isNaN(histogram.mean) ? 0 : Math.max(0, histogram.mean / 1e6 - RESOLUTION_MS);
    histogram.reset();
  }, SAMPLE_MS).unref();
  return {
    delayMs: () => latest,
    close: () => {
      clearInterval(timer);
      histogram.disable();
    },
  };
};
