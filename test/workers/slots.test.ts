// Task slots of a worker: never more steps taken on than can be worked on, and one more while a step is about to end.
import { describe, expect, it } from 'vitest';
import { slotsFor } from '../../workers/slots.ts';

const context = { slotType: 'activity' } as never;
const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Asks for a slot; `served` tells whether it came. */
const ask = ({ supplier }: ReturnType<typeof slotsFor>, signal: AbortSignal = never) => {
  const asked = { served: false, reason: undefined as unknown };
  supplier.reserveSlot(context, signal).then(
    () => {
      asked.served = true;
    },
    (reason: unknown) => {
      asked.reason = reason;
    },
  );
  return asked;
};

describe('slots', () => {
  it('are as many as the seats', async () => {
    const slots = slotsFor(2);
    const asked = [ask(slots), ask(slots), ask(slots)];
    await settled();
    expect(asked.map(({ served }) => served)).toEqual([true, true, false]);
    expect(slots.supplier.tryReserveSlot(context)).toBeNull();
    slots.supplier.releaseSlot(context);
    await settled();
    expect(asked.map(({ served }) => served)).toEqual([true, true, true]);
  });

  it('are one more while a step eases, and no more than before once it is over', async () => {
    const slots = slotsFor(1);
    const [first, second] = [ask(slots), ask(slots)];
    await settled();
    expect([first.served, second.served]).toEqual([true, false]);
    slots.lend();
    await settled();
    expect(second.served).toBe(true);
    slots.giveBack();
    slots.supplier.releaseSlot(context);
    const third = ask(slots);
    await settled();
    expect(third.served).toBe(false);
    slots.supplier.releaseSlot(context);
    await settled();
    expect(third.served).toBe(true);
  });

  it('are not kept for who has gone', async () => {
    const slots = slotsFor(1);
    const gone = new AbortController();
    const [first, second, third] = [ask(slots), ask(slots, gone.signal), ask(slots)];
    gone.abort(new Error('shutdown'));
    await settled();
    expect([first.served, second.reason]).toEqual([true, new Error('shutdown')]);
    slots.supplier.releaseSlot(context);
    await settled();
    expect([second.served, third.served]).toEqual([false, true]);
  });
});
