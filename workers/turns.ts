// Who fills the cores: heavy steps of all environments of a process share a few seats. A step that was taken on waits for one, heartbeating,
// and gets up when all that is left to do is to commit, so that the next one computes meanwhile. For host.ts.
// (A task slot shared between workers will not do: a slot is held while polling, so an idle environment would starve the others.)
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import type { Pulse } from '../activities/heartbeat.ts';

type Waiting = Pick<Context, 'heartbeat' | 'cancelled'>;

export interface Turns {
  readonly interceptor: (context: Waiting) => ActivityInterceptors;
  /** The step of this context needs the cores no more; one without a seat has none to leave. */
  rest(context: Waiting): void;
}

const HEARTBEAT_MS = 1_000;

/** At most so many steps at once, in the order in which they came. One that is cancelled while it waits gives its turn up. */
export const turnsFor = (seats: number): Turns => {
  let free = seats;
  const queue: (() => void)[] = [];
  const seated = new WeakSet<Waiting>();
  const callNext = () => {
    const next = queue.shift();
    if (next) next();
    else free += 1;
  };
  const rest = (context: Waiting) => {
    if (seated.delete(context)) callNext();
  };
  const sit = async (context: Waiting): Promise<void> => {
    if (free > 0) {
      free -= 1;
      return;
    }
    let called: () => void = () => undefined;
    const turn = new Promise<void>((resolve) => {
      called = resolve;
    });
    queue.push(called);
    try {
      await untilTurn(context, turn);
    } catch (gone) {
      const at = queue.indexOf(called);
      if (at >= 0) queue.splice(at, 1);
      else callNext();
      throw gone;
    }
  };
  const inTurn = async <T>(context: Waiting, work: () => Promise<T>): Promise<T> => {
    await sit(context);
    seated.add(context);
    try {
      return await work();
    } finally {
      rest(context);
    }
  };
  return {
    interceptor: (context) => ({ inbound: { execute: (input, next) => inTurn(context, () => next(input)) } }),
    rest,
  };
};

// Heartbeats say that the worker lives; that the step waits, the terminal shows.
const untilTurn = async (context: Waiting, turn: Promise<void>): Promise<void> => {
  const begun = Date.now();
  const beat = () => context.heartbeat({ stage: 'waits for its turn', elapsedMs: Date.now() - begun } satisfies Pulse);
  const alive = setInterval(beat, HEARTBEAT_MS);
  try {
    await Promise.race([turn, context.cancelled]);
  } finally {
    clearInterval(alive);
  }
};
