// How many heavy steps one environment's worker takes on: as many as there are seats, and one more for each that has left its seat early.
// For turns.ts. A fixed number will not do: a step taken on too soon would wait here for a seat while another machine has one.
import type { ActivitySlotInfo, CustomSlotSupplier } from '@temporalio/worker';

export interface Slots {
  readonly supplier: CustomSlotSupplier<ActivitySlotInfo>;
  /** A step that holds a slot fills the cores no more: another may be taken on. */
  lend(): void;
  /** That step is over. */
  giveBack(): void;
}

export const slotsFor = (seats: number): Slots => {
  let taken = 0;
  let lent = 0;
  const waiting: (() => void)[] = [];
  const take = (): boolean => {
    if (taken >= seats + lent) return false;
    taken += 1;
    return true;
  };
  const wake = () => {
    while (waiting.length > 0 && take()) waiting.shift()?.();
  };
  const inLine = (signal: AbortSignal): Promise<object> =>
    new Promise((resolve, reject) => {
      const served = () => {
        signal.removeEventListener('abort', gone);
        resolve({});
      };
      const gone = () => {
        waiting.splice(waiting.indexOf(served), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', gone, { once: true });
      waiting.push(served);
    });
  return {
    supplier: {
      type: 'custom',
      reserveSlot: async (_, signal) => (take() ? {} : inLine(signal)),
      tryReserveSlot: () => (take() ? {} : null),
      markSlotUsed: () => undefined,
      releaseSlot: () => {
        taken -= 1;
        wake();
      },
    },
    lend: () => {
      lent += 1;
      wake();
    },
    giveBack: () => {
      lent -= 1;
    },
  };
};
