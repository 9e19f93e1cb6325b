// One heavy step at a time in a process that hosts several environments: a step that was taken on waits for its turn, heartbeating.
// For host.ts. (A task slot shared between workers will not do: a slot is held while polling, so an idle environment would starve the others.)
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import type { Pulse } from '../activities/heartbeat.ts';

type Waiting = Pick<Context, 'heartbeat' | 'cancelled'>;

export interface OneAtATime {
  readonly interceptor: (context: Waiting) => ActivityInterceptors;
}

const HEARTBEAT_MS = 1_000;

/** Steps get their turn in the order in which they came. One that is cancelled while it waits gives its turn up. */
export const oneAtATime = (): OneAtATime => {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = async <T>(context: Waiting, work: () => Promise<T>): Promise<T> => {
    const before = last;
    let done: () => void = () => undefined;
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    last = before.then(() => mine);
    try {
      await untilTurn(context, before);
      return await work();
    } finally {
      done();
    }
  };
  return {
    interceptor: (context) => ({ inbound: { execute: (input, next) => inTurn(context, () => next(input)) } }),
  };
};

// Heartbeats say that the worker lives; that the step waits, the terminal shows.
const untilTurn = async (context: Waiting, before: Promise<unknown>): Promise<void> => {
  const begun = Date.now();
  const beat = () => context.heartbeat({ stage: 'waits for its turn', elapsedMs: Date.now() - begun } satisfies Pulse);
  const alive = setInterval(beat, HEARTBEAT_MS);
  try {
    await Promise.race([before, context.cancelled]);
  } finally {
    clearInterval(alive);
  }
};
