// Too much to do: what comes beyond the limits is refused at once, with the time to come back; whoever looks after the server gets through.
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { type AnsweredRequest, apiMetrics } from '../../serving/metrics.ts';
import {
  type DelayWatch,
  type Limits,
  type Overload,
  shedOverload,
  usualLimits,
  waitedMs,
  watchDelay,
} from '../../serving/overload.ts';
import { fakeApp, known } from './fakes.ts';

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
    turn: async () => {
      const due = turns;
      turns = [];
      for (const work of due) work();
      // Each begins in a tick of its own.
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
};

/** A gate before a handler that is told of, and does nothing but what `works` says. */
const gated = ({ works, ...given }: Partial<Overload> & { works?: (url: string) => void } = {}) => {
  const time = byHand();
  const [began, shed]: [string[], string[]] = [[], []];
  let open = 0;
  const handle = ({ url = '' }: IncomingMessage) => {
    open += 1;
    began.push(url);
    works?.(url);
  };
  const overload = { delayMs: () => 0, onShed: (reason: string) => shed.push(reason), ...time, ...given };
  const gate = shedOverload(handle, { begun: () => open, exempt: new Set(['/health']) }, overload);
  const come = (url: string, headers: IncomingMessage['headers'] = {}) => {
    const request = Object.assign(new IncomingMessage(new Socket()), { url, method: 'GET', headers });
    const answer = new ServerResponse(request);
    gate(request, answer);
    return { request, answer };
  };
  const done = (count: number) => {
    open -= count;
  };
  return { ...time, come, done, began, shed };
};

const limited = (more: Partial<Limits>): Limits => ({ ...usualLimits, sliceMs: 10, ...more });

describe('overload', () => {
  it('refuses the third of two, and takes the next when one is done', () => {
    const { come, done, began, shed } = gated({ limits: limited({ inFlight: 2 }) });
    const [, , { answer }] = [come('/1'), come('/2'), come('/3')];
    expect([answer.statusCode, answer.writableEnded]).toEqual([503, true]);
    expect(shed).toEqual(['in flight']);
    done(1);
    come('/4');
    expect(began).toEqual(['/1', '/2', '/4']);
  });

  it('refuses while the event loop lags, and no longer', () => {
    let delay = usualLimits.delayMs + 1;
    const { come, began, shed } = gated({ delayMs: () => delay });
    come('/1');
    expect([began, shed]).toEqual([[], ['event loop']]);
    delay = usualLimits.delayMs;
    come('/2');
    expect(began).toEqual(['/2']);
  });

  it('lets through whoever looks after the server, with a query too, and nobody who only looks like it', () => {
    const { come, began } = gated({ limits: limited({ inFlight: 0 }) });
    for (const url of ['/health', '/health?full=true', '/healthy', '/predict?/health']) come(url);
    expect(began).toEqual(['/health', '/health?full=true']);
  });
});

describe('a line', () => {
  it('keeps whoever comes when the turn has no time left until the next, and loses nobody', async () => {
    const { come, pass, turn, began } = gated({ limits: limited({}) });
    come('/1');
    pass(10);
    for (const url of ['/2', '/3', '/4']) come(url);
    expect(began).toEqual(['/1']);
    await turn();
    expect(began).toEqual(['/1', '/2', '/3', '/4']);
  });

  it('lets nobody overtake, not even who comes while there is time again', async () => {
    const gate = gated({
      limits: limited({}),
      works: (url) => {
        if (url === '/1' || url === '/3') gate.pass(10);
        if (url === '/2') gate.come('/last');
      },
    });
    const { come, turn, began } = gate;
    for (const url of ['/1', '/2', '/3']) come(url);
    await turn();
    expect(began).toEqual(['/1', '/2', '/3']);
    await turn();
    expect(began).toEqual(['/1', '/2', '/3', '/last']);
  });

  it('is refused to others once the next in it has waited too long, and open again when he begins', async () => {
    const { come, pass, turn, began, shed } = gated({ limits: limited({ waitMs: 750 }) });
    come('/1');
    pass(10);
    const { request } = come('/2');
    pass(750);
    come('/3');
    expect(shed).toEqual([]);
    pass(1);
    come('/4');
    expect(shed).toEqual(['waiting']);
    await turn();
    expect(waitedMs(request)).toBe(751);
    come('/5');
    expect([began, shed]).toEqual([['/1', '/2', '/3', '/5'], ['waiting']]);
  });

  it('has room for many small requests and few large ones, whose length was announced or not', async () => {
    const large = { 'content-length': '50000' };
    const chunked = { 'transfer-encoding': 'chunked' };
    const { come, pass, turn, began, shed } = gated({ limits: limited({ lineBytes: 100_000 }) });
    come('/1');
    pass(10);
    for (let at = 0; at < 30; at += 1) come('/small');
    come('/large', large);
    expect(shed).toEqual([]);
    come('/more');
    expect(shed).toEqual(['line']);
    await turn();
    expect(began).toHaveLength(32);
    pass(10);
    come('/large', chunked);
    come('/large', chunked);
    expect(shed).toEqual(['line']);
    come('/more');
    expect(shed).toEqual(['line', 'line']);
  });

  it('does not begin for whoever went away meanwhile', async () => {
    const { come, pass, turn, began } = gated({ limits: limited({}) });
    come('/1');
    pass(10);
    come('/2').answer.destroy();
    come('/3');
    await turn();
    expect(began).toEqual(['/1', '/3']);
  });

  it('holds nobody who has left it, though it never empties', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const gate = gated({ limits: limited({}), works: () => gate.pass(10) });
    const seen: WeakRef<IncomingMessage>[] = [];
    gate.come('/1');
    for (let at = 0; at < 4; at += 1) seen.push(new WeakRef(gate.come('/2').request));
    const isHeld = () => {
      collect();
      return seen.map((request) => request.deref() !== undefined);
    };
    await gate.turn();
    await gate.turn();
    expect(gate.began).toHaveLength(3);
    await expect.poll(isHeld).toEqual([false, false, true, true]);
  });
});

describe('the API that has too much to do', () => {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ user_id: '123' });

  it('refuses over a connection that stays open and can be used again, and tells how it is all the while', async () => {
    let delay = usualLimits.delayMs + 1;
    const { app } = await fakeApp({ overload: { delayMs: () => delay } });
    const url = await app.listen({ port: 0 });
    const post = () => fetch(`${url}/predict`, { method: 'POST', headers, body });
    const refused = await post();
    expect([refused.status, refused.headers.get('connection'), refused.headers.get('content-type')]).toEqual([
      503,
      'keep-alive',
      'application/problem+json',
    ]);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ status: 503, field: 'load', value: 'event loop' });
    for (const path of ['/health', '/v2/health/live']) expect((await fetch(`${url}${path}`)).status).toBe(200);
    delay = 0;
    expect((await post()).status).toBe(200);
    await app.close();
  });

  it('refuses the second while the first is being answered, and takes it afterwards', async () => {
    const held: (() => void)[] = [];
    const online = {
      read: () =>
        new Promise<Map<string, typeof known>>((resolve) => {
          held.push(() => resolve(new Map([['123', known]])));
        }),
      reachable: async () => true,
    };
    const { app } = await fakeApp({ online, overload: { delayMs: () => 0, limits: limited({ inFlight: 1 }) } });
    const url = await app.listen({ port: 0 });
    const post = () => fetch(`${url}/predict`, { method: 'POST', headers, body });
    const first = post();
    await expect.poll(() => held.length).toBe(1);
    expect((await post()).status).toBe(503);
    held[0]?.();
    expect((await first).status).toBe(200);
    const next = post();
    await expect.poll(() => held.length).toBe(2);
    held[1]?.();
    expect((await next).status).toBe(200);
    await app.close();
  });
});

describe('the measured time of an answer', () => {
  it('has the time in line in it', async () => {
    const time = byHand();
    const took: number[] = [];
    const metrics = apiMetrics({
      environment: 'dev',
      models: () => [],
      pool: () => ({ total: 0, idle: 0, waiting: 0 }),
    });
    const watched = { ...metrics, answered: ({ seconds }: AnsweredRequest) => took.push(seconds) };
    const { app } = await fakeApp({ metrics: watched, overload: { delayMs: () => 0, ...time } });
    const url = await app.listen({ port: 0 });
    const ask = () => fetch(`${url}/predict/propensity/123`);
    expect((await ask()).status).toBe(200);
    time.pass(usualLimits.sliceMs);
    const waits = ask();
    await new Promise((resolve) => app.server.once('request', resolve));
    time.pass(700);
    await time.turn();
    expect((await waits).status).toBe(200);
    await expect.poll(() => took.length).toBe(2);
    expect(took[0]).toBeLessThan(0.7);
    expect(took[1]).toBeGreaterThan(0.7);
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

describe('the delay of the event loop', () => {
  const busy = (ms: number) => {
    const until = performance.now() + ms;
    while (performance.now() < until);
  };
  /** The most that is told over more than one sample. */
  const most = async (watch: DelayWatch, work: () => void = () => undefined): Promise<number> => {
    let found = 0;
    for (let turn = 0; turn < 60; turn += 1) {
      work();
      await new Promise((resolve) => setTimeout(resolve, 5));
      found = Math.max(found, watch.delayMs());
    }
    return found;
  };

  it('is told once callers may come: what a start takes is not too much to do', async () => {
    const watch = watchDelay();
    // A start is idle, busy, and open, in turn.
    await new Promise((resolve) => setTimeout(resolve, 15));
    busy(4 * usualLimits.delayMs);
    await new Promise((resolve) => setTimeout(resolve, 1));
    watch.begin();
    expect(await most(watch)).toBeLessThan(usualLimits.delayMs);
    watch.close();
  });

  it('is told where every turn takes too long', async () => {
    const watch = watchDelay();
    watch.begin();
    expect(await most(watch, () => busy(100))).toBeGreaterThan(50);
    watch.close();
  });
});
