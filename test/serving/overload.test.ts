// Too much to do: what comes beyond the limits is refused at once, with the time to come back; whoever looks after the server gets through.
import { describe, expect, it } from 'vitest';
import { fakeApp, known } from './fakes.ts';

const crowded = async (inFlight: number, delayMs = () => 0) => {
  const held: (() => void)[] = [];
  const shed: string[] = [];
  const online = {
    read: () =>
      new Promise<Map<string, typeof known>>((resolve) => {
        held.push(() => resolve(new Map([['123', known]])));
      }),
    reachable: async () => true,
  };
  const overload = { limits: { inFlight, delayMs: 100 }, delayMs, onShed: (reason: string) => shed.push(reason) };
  const { app } = await fakeApp({ online, overload });
  const ask = () => app.inject('/predict/propensity/123');
  return { app, ask, held, shed };
};

describe('overload', () => {
  it('refuses the third of two at once, and takes the next when one is done', async () => {
    const { ask, held, shed } = await crowded(2);
    const two = [ask(), ask()];
    await expect.poll(() => held.length).toBe(2);
    const third = await ask();
    expect([third.statusCode, third.headers['retry-after'], third.json()]).toEqual([
      503,
      '1',
      expect.objectContaining({ status: 503, field: 'load', value: 'in flight' }),
    ]);
    expect(shed).toEqual(['in flight']);
    for (const release of held.splice(0)) release();
    expect((await Promise.all(two)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    const next = ask();
    await expect.poll(() => held.length).toBe(1);
    held[0]?.();
    expect((await next).statusCode).toBe(200);
  });

  it('refuses while the event loop lags, and no longer', async () => {
    let delay = 101;
    const { ask, held } = await crowded(10, () => delay);
    expect((await ask()).json()).toMatchObject({ status: 503, value: 'event loop' });
    delay = 99;
    const next = ask();
    await expect.poll(() => held.length).toBe(1);
    held[0]?.();
    expect((await next).statusCode).toBe(200);
  });

  it('keeps /health open', async () => {
    const { app } = await crowded(0);
    expect((await app.inject('/health')).statusCode).toBe(200);
    expect((await app.inject('/predict/propensity/123')).statusCode).toBe(503);
  });
});
