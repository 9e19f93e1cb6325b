// How many heavy steps a worker takes on: as many as it may compute at once, and another for each that is only committing. A fixed number
// of slots would either leave the cores idle during every commit, or hold a step back here while another machine is idle. For host.ts.
import type { ActivityInterceptors, ActivitySlotInfo, CustomSlotSupplier, SlotPermit } from '@temporalio/worker';

export interface Slots {
  readonly supplier: CustomSlotSupplier<ActivitySlotInfo>;
  readonly interceptor: (context: object) => ActivityInterceptors;
  /** The step of this context is only committing; one that is not of this worker changes nothing. */
  rest(context: object): void;
}

export const slotsFor = (computing: number): Slots => {
  let taken = 0;
  const [atWork, resting] = [new WeakSet<object>(), new Set<object>()];
  const queue: (() => void)[] = [];
  const isFree = () => taken - resting.size < computing;
  const take = (): SlotPermit => {
    taken += 1;
    return {};
  };
  const callNext = () => {
    if (isFree()) queue.shift()?.();
  };
  const reserve = (signal: AbortSignal): Promise<SlotPermit> =>
    new Promise((resolve, reject) => {
      const called = () => {
        signal.removeEventListener('abort', gone);
        resolve(take());
      };
      const gone = () => {
        const at = queue.indexOf(called);
        if (at >= 0) queue.splice(at, 1);
        reject(signal.reason);
      };
      if (signal.aborted) return gone();
      if (isFree()) return resolve(take());
      signal.addEventListener('abort', gone, { once: true });
      queue.push(called);
    });
  return {
    supplier: {
      type: 'custom',
      reserveSlot: (_context, signal) => reserve(signal),
      tryReserveSlot: () => (isFree() ? take() : null),
      markSlotUsed: () => undefined,
      releaseSlot: () => {
        taken -= 1;
        callNext();
      },
    },
    interceptor: (context) => ({
      inbound: {
        execute: async (input, next) => {
          atWork.add(context);
          try {
            return await next(input);
          } finally {
            atWork.delete(context);
            resting.delete(context);
          }
        },
      },
    }),
    rest: (context) => {
      if (!atWork.has(context)) return;
      resting.add(context);
      callNext();
    },
  };
};
