// Turns between the environments of one process: never more at once than there are seats, in order, and nobody who left is waited for.
import { describe, expect, it, vi } from 'vitest';
import { turnsFor } from '../../workers/turns.ts';

const never = new Promise<never>(() => undefined);
const input = { args: [], headers: {} };

/** A step that the test ends by hand. */
const step = () => {
  let end: (outcome?: Error) => void = () => undefined;
  const ended = new Promise<unknown>((resolve, reject) => {
    end = (outcome) => (outcome ? reject(outcome) : resolve('done'));
  });
  const begun = vi.fn(() => ended);
  return { begun, end: (outcome?: Error) => end(outcome) };
};
type Turns = ReturnType<typeof turnsFor>;
const take = (
  turns: Turns,
  { begun }: ReturnType<typeof step>,
  cancelled: Promise<never> = never,
  heartbeat = vi.fn(),
) => takeAs(turns, { heartbeat, cancelled }, begun);
const takeAs = (turns: Turns, context: Parameters<Turns['rest']>[0], begun: () => Promise<unknown>) => {
  const execute = turns.interceptor(context).inbound?.execute;
  if (execute === undefined) throw new Error('no interceptor');
  return execute(input, begun);
};
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('steps of several environments', () => {
  it('run one at a time, in the order in which they came, also after one failed', async () => {
    const turns = turnsFor(1);
    const [a, b, c] = [step(), step(), step()];
    const all = Promise.allSettled([a, b, c].map((each) => take(turns, each)));
    await settled();
    expect([a, b, c].map(({ begun }) => begun.mock.calls.length)).toEqual([1, 0, 0]);
    a.end(new Error('fell over'));
    await settled();
    expect([b, c].map(({ begun }) => begun.mock.calls.length)).toEqual([1, 0]);
    b.end();
    await settled();
    c.end();
    expect((await all).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });

  it('run as many at once as there are seats', async () => {
    const turns = turnsFor(2);
    const [a, b, c, d] = [step(), step(), step(), step()];
    const begun = () => [a, b, c, d].map((each) => each.begun.mock.calls.length);
    const all = Promise.all([a, b, c, d].map((each) => take(turns, each)));
    await settled();
    expect(begun()).toEqual([1, 1, 0, 0]);
    b.end();
    await settled();
    expect(begun()).toEqual([1, 1, 1, 0]);
    for (const each of [a, c]) each.end();
    await settled();
    expect(begun()).toEqual([1, 1, 1, 1]);
    d.end();
    await all;
  });

  it('that are cancelled while they wait never begin, and hold nobody up', async () => {
    const turns = turnsFor(1);
    const [a, b, c] = [step(), step(), step()];
    const first = take(turns, a);
    let cancel: (reason: Error) => void = () => undefined;
    const cancelled = new Promise<never>((_, reject) => {
      cancel = reject;
    });
    const second = take(turns, b, cancelled);
    const third = take(turns, c);
    cancel(new Error('cancelled'));
    await expect(second).rejects.toThrow('cancelled');
    expect(c.begun).not.toHaveBeenCalled();
    a.end();
    await first;
    await settled();
    expect([b, c].map(({ begun }) => begun.mock.calls.length)).toEqual([0, 1]);
    c.end();
    await third;
  });

  it('give their seat up while they commit, once', async () => {
    const turns = turnsFor(1);
    const [a, b, c] = [step(), step(), step()];
    const context = { heartbeat: vi.fn(), cancelled: never };
    const first = takeAs(turns, context, a.begun);
    const others = Promise.all([take(turns, b), take(turns, c)]);
    await settled();
    const begun = () => [b, c].map((each) => each.begun.mock.calls.length);
    expect(begun()).toEqual([0, 0]);
    turns.rest(context);
    turns.rest(context);
    await settled();
    expect(begun()).toEqual([1, 0]);
    a.end();
    await first;
    turns.rest(context);
    await settled();
    expect(begun()).toEqual([1, 0]);
    b.end();
    await settled();
    expect(begun()).toEqual([1, 1]);
    c.end();
    await others;
  });

  it('without a seat have none to give', async () => {
    const turns = turnsFor(1);
    const [a, b] = [step(), step()];
    const first = take(turns, a);
    const second = take(turns, b);
    turns.rest({ heartbeat: vi.fn(), cancelled: never });
    await settled();
    expect(b.begun).not.toHaveBeenCalled();
    a.end();
    b.end();
    await Promise.all([first, second]);
  });

  it('heartbeat while they wait, and no longer', async () => {
    vi.useFakeTimers();
    const turns = turnsFor(1);
    const [a, b] = [step(), step()];
    const heartbeat = vi.fn();
    const first = take(turns, a);
    const second = take(turns, b, never, heartbeat);
    await vi.advanceTimersByTimeAsync(3_500);
    expect(heartbeat).toHaveBeenCalledTimes(3);
    a.end();
    await first;
    await vi.advanceTimersByTimeAsync(3_500);
    expect(heartbeat).toHaveBeenCalledTimes(3);
    b.end();
    await second;
    vi.useRealTimers();
  });
});
