// When there is too much to do, some requests are refused at once instead of all being answered late: 503 with Retry-After.
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { FastifyInstance } from 'fastify';
import type { ApiPolicy } from '../core/api-policy.ts';
import { problem, sendProblem } from './problem.ts';

export interface Limits {
  /** Requests being answered at once. */
  readonly inFlight: number;
  /** Milliseconds that the event loop may keep its callers waiting. */
  readonly delayMs: number;
}

/** Far above what a healthy server needs for a thousand connections, far below what would exhaust its memory. */
export const usualLimits: Limits = { inFlight: 1_200, delayMs: 500 };

export interface Overload {
  readonly limits?: Limits;
  /** Present delay of the event loop, in milliseconds. */
  readonly delayMs: () => number;
  readonly onShed?: (reason: Reason) => void;
}

export type Reason = 'in flight' | 'event loop';

/** Those who look after the server must get through when nobody else does. */
const EXEMPT: ReadonlySet<ApiPolicy | undefined> = new Set(['health', 'metrics']);

/** Refuses what comes beyond the limits. Register it before anything that costs. */
export const shedOverload = (app: FastifyInstance, { limits = usualLimits, delayMs, onShed }: Overload): void => {
  let inFlight = 0;
  app.addHook('onRequest', (request, reply, done) => {
    const reason = EXEMPT.has(request.routeOptions.config.policy) ? undefined : overloaded();
    if (reason !== undefined) {
      onShed?.(reason);
      const mend = 'Try again after the time that Retry-After names';
      sendProblem(reply, problem(503, 'The server has too much to do', { field: 'load', value: reason, mend }));
      return;
    }
    inFlight += 1;
    // Whether it was answered or its caller went away.
    reply.raw.once('close', () => {
      inFlight -= 1;
    });
    done();
  });
  const overloaded = (): Reason | undefined => {
    if (inFlight >= limits.inFlight) return 'in flight';
    return delayMs() > limits.delayMs ? 'event loop' : undefined;
  };
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
