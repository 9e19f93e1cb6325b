// Slots of a worker: as many steps as may compute, and one more for each that is only committing.
import { describe, expect, it } from 'vitest';
import { type Slots, slotsFor } from '../../workers/slots.ts';

const about = {
  slotType: 'activity',
  taskQueue: 'compute',
  workerIdentity: 'test',
  workerBuildId: '',
  isSticky: false,
} as const;
const permit = {};
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Polls until it is told otherwise; `granted` says whether it got a slot. */
const poll = ({ supplier }: Slots) => {
  const giveUp = new AbortController();
  const state = { granted: false, refused: undefined as unknown };
  supplier.reserveSlot(about, giveUp.signal).then(
    () => {
      state.granted = true;
    },
    (reason: unknown) => {
      state.refused = reason;
    },
  );
  return Object.assign(state, { giveUp: (reason: unknown) => giveUp.abort(reason) });
};

/** A step at work, which the test ends by hand. */
const work = (slots: Slots) => {
  const context = {};
  let end: () => void = () => undefined;
  const execute = slots.interceptor(context).inbound?.execute;
  if (execute === undefined) throw new Error('no interceptor');
  const done = execute({ args: [], headers: {} }, () => new Promise<void>((resolve) => (end = resolve)));
  return {
    rest: () => slots.rest(context),
    end: async () => {
      end();
      await done;
      slots.supplier.releaseSlot({ permit });
    },
  };
};

describe('slots of a worker', () => {
  it('are as many as steps may compute at once', async () => {
    const slots = slotsFor(2);
    const polls = [poll(slots), poll(slots), poll(slots)];
    await settled();
    expect(polls.map(({ granted }) => granted)).toEqual([true, true, false]);
    slots.supplier.releaseSlot({ permit });
    await settled();
    expect(polls.map(({ granted }) => granted)).toEqual([true, true, true]);
  });

  it('are one more for a step that is only committing, and no more than one', async () => {
    const slots = slotsFor(1);
    const [first, second, third] = [poll(slots), poll(slots), poll(slots)];
    const a = work(slots);
    await settled();
    expect([first.granted, second.granted]).toEqual([true, false]);
    a.rest();
    a.rest();
    await settled();
    expect([second.granted, third.granted]).toEqual([true, false]);
    // Its slot comes back while the next computes in the other.
    await a.end();
    await settled();
    expect(third.granted).toBe(false);
    const b = work(slots);
    b.rest();
    await settled();
    expect(third.granted).toBe(true);
  });

  it('are not for steps of another worker', async () => {
    const slots = slotsFor(1);
    const [, second] = [poll(slots), poll(slots)];
    slots.rest({});
    await settled();
    expect(second.granted).toBe(false);
  });

  it('come back when a poll is given up, and are granted to the next', async () => {
    const slots = slotsFor(1);
    const [, second, third] = [poll(slots), poll(slots), poll(slots)];
    const why = new Error('shut down');
    second.giveUp(why);
    await settled();
    expect(second).toMatchObject({ granted: false, refused: why });
    slots.supplier.releaseSlot({ permit });
    await settled();
    expect([second.granted, third.granted]).toEqual([false, true]);
  });

  it('are given at once or not at all to whoever will not wait', () => {
    const { supplier } = slotsFor(1);
    expect(supplier.tryReserveSlot(about)).not.toBeNull();
    expect(supplier.tryReserveSlot(about)).toBeNull();
  });
});
