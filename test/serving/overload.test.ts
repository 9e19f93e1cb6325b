// Too much to do: what comes beyond the limits is refused at once, with the time to come back; whoever looks after the server gets through.
import { describe, expect, it } from 'vitest';
import { type Overload, usualLimits } from '../../serving/overload.ts';
import { fakeApp, known } from './fakes.ts';

const crowded = async (inFlight: number, delayMs = () => 0, more: Partial<Overload> = {}) => {
  const held: (() => void)[] = [];
  const shed: string[] = [];
  const online = {
    read: () =>
      new Promise<Map<string, typeof known>>((resolve) => {
        held.push(() => resolve(new Map([['123', known]])));
      }),
    reachable: async () => true,
  };
  const limits = { ...usualLimits, inFlight, delayMs: 100 };
  const overload = { limits, delayMs, onShed: (reason: string) => shed.push(reason), ...more };
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

/** Time and turns of the event loop as the test has them. */
const byHand = () => {
  let now = 0;
  let turns: (() => void)[] = [];
  return {
    clock: () => now,
    pass: (ms: number) => {
      now += ms;
    },
    nextTurn: (work: () => void) => {
      turns.push(work);
    },
    turn: () => {
      const due = turns;
      turns = [];
      for (const work of due) work();
    },
  };
};

describe('a line', () => {
  const limits = { inFlight: 100, waitMs: 750, delayMs: 100, sliceMs: 10 };

  /** One request has used up the slice of its turn, and stands at the store. */
  const busy = async () => {
    const time = byHand();
    const { clock, nextTurn } = time;
    const made = await crowded(100, () => 0, { limits, clock, nextTurn });
    const all = [made.ask()];
    await expect.poll(() => made.held.length).toBe(1);
    time.pass(10);
    const come = async (count: number) => {
      all.push(...Array.from({ length: count }, made.ask));
      await settled();
    };
    return { ...made, ...time, all, come };
  };
  /** Whatever could have reached the store by now has. */
  const settled = async () => {
    for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  it('keeps whoever comes when the turn has no time left until the next, and loses nobody', async () => {
    const { all, held, come, turn } = await busy();
    await come(3);
    expect(held.length).toBe(1);
    turn();
    await settled();
    expect(held.length).toBe(4);
    for (const release of held) release();
    expect((await Promise.all(all)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  });

  it('lets nobody overtake, not even who comes while there is time again', async () => {
    const time = byHand();
    const began: string[] = [];
    const all: Promise<unknown>[] = [];
    const come = (entity: string) => all.push(app.inject(`/predict/propensity/${entity}`).then((reply) => reply));
    const online = {
      read: async (_view: string, [entity = '']: readonly string[]) => {
        began.push(entity);
        if (entity === 'first') time.pass(10);
        if (entity === 'second') come('last');
        return new Map([[entity, known]]);
      },
      reachable: async () => true,
    };
    const { app } = await fakeApp({ online, overload: { limits, delayMs: () => 0, ...time } });
    await app.ready();
    for (const entity of ['first', 'second', 'third']) {
      come(entity);
      await settled();
    }
    time.turn();
    await settled();
    time.turn();
    await Promise.all(all);
    expect(began).toEqual(['first', 'second', 'third', 'last']);
  });

  it('is refused to others once the next in it has waited too long, and open again when he begins', async () => {
    const { ask, all, held, shed, come, pass, turn } = await busy();
    await come(1);
    pass(750);
    await come(1);
    expect(shed).toEqual([]);
    pass(1);
    expect((await ask()).json()).toMatchObject({ status: 503, field: 'load', value: 'waiting' });
    expect(shed).toEqual(['waiting']);
    turn();
    await come(1);
    expect(shed).toEqual(['waiting']);
    for (let i = 0; i < 3; i += 1) {
      turn();
      await settled();
    }
    for (const release of held) release();
    expect((await Promise.all(all)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  });

  it('refuses over a connection that stays open and can be used again', async () => {
    let delay = 101;
    const { app } = await fakeApp({ overload: { delayMs: () => delay, limits } });
    const url = await app.listen({ port: 0 });
    const body = JSON.stringify({ user_id: '123' });
    const post = () =>
      fetch(`${url}/predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const refused = await post();
    expect([refused.status, refused.headers.get('connection'), refused.headers.get('content-type')]).toEqual([
      503,
      'keep-alive',
      'application/problem+json',
    ]);
    expect(await refused.json()).toMatchObject({ status: 503, value: 'event loop' });
    delay = 0;
    expect((await post()).status).toBe(200);
    await app.close();
  });
});

describe('an answer that takes too long', () => {
  it('is given up with 503, and the late one harms nobody', async () => {
    let release: (found: Map<string, typeof known>) => void = () => undefined;
    const online = {
      read: () =>
        new Promise<Map<string, typeof known>>((resolve) => {
          release = resolve;
        }),
      reachable: async () => true,
    };
    const { app } = await fakeApp({ online, answerMs: 20 });
    const reply = await app.inject('/predict/propensity/123');
    expect([reply.statusCode, reply.headers['retry-after'], reply.json().detail]).toEqual([
      503,
      '1',
      'The answer took too long',
    ]);
    release(new Map([['123', known]]));
    expect((await app.inject('/health')).statusCode).toBe(200);
    await app.close();
  });
});
