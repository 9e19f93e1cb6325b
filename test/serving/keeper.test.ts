// Hot swap: a good model takes over without a failed request; corrupt, NaN-producing and slow ones never get one.
import { describe, expect, it } from 'vitest';
import { PerennialError } from '../../core/errors.ts';
import { ModelKeeper } from '../../serving/keeper.ts';
import { type FakeModel, FakeSource, fakeModel, NOW, quiet, served } from './fakes.ts';

const keeperOf = (source: FakeSource, more: { now?: () => number; loadMs?: number } = {}) =>
  new ModelKeeper({ models: [served], source, log: quiet, now: () => NOW, ...more });

const constant = (value: number): FakeModel => fakeModel(async () => value);
const ask = (keeper: ModelKeeper) =>
  keeper.use('propensity', async (model, { version }) => [version, await model.score({})]);

describe('hot swap', () => {
  it('swaps to a good model and closes the old one only when the last request has left it', async () => {
    const source = new FakeSource();
    const [first, second] = [constant(0.1), constant(0.2)];
    source.promote(1, 'one', async () => first);
    const keeper = keeperOf(source);
    await keeper.look();
    let leave = (): void => undefined;
    const inside = keeper.use(
      'propensity',
      (model) =>
        new Promise<number>((resolve) => {
          leave = () => resolve(model.score({}));
        }),
    );
    source.promote(2, 'two', async () => second);
    await keeper.look();
    expect(await ask(keeper)).toEqual([2, 0.2]);
    expect(first.closed).toBe(false);
    leave();
    expect(await inside).toBe(0.1);
    expect([first.closed, second.closed]).toEqual([true, false]);
    await keeper.stop();
    expect(second.closed).toBe(true);
  });

  it.each([
    [
      'corrupt',
      () => Promise.reject(new PerennialError('HASH_MISMATCH', 'model.onnx holds other bytes')),
      /other bytes/,
    ],
    ['NaN', async () => constant(Number.NaN), /no probability/],
    ['above one', async () => constant(1.01), /no probability/],
    ['throwing', async () => fakeModel(() => Promise.reject(new Error('boom'))), /trial: boom/],
    ['slow', () => new Promise<never>(() => undefined), /longer than 30 ms/],
  ])('refuses a %s model; the last good one stays', async (_, load, reason) => {
    const source = new FakeSource();
    source.promote(1, 'good', async () => constant(0.1));
    const keeper = keeperOf(source, { loadMs: 30 });
    await keeper.look();
    source.promote(2, 'bad', load);
    await keeper.look();
    expect(await ask(keeper)).toEqual([1, 0.1]);
    const [state] = keeper.states();
    expect(state?.loaded?.version).toBe(1);
    expect(state?.refused).toMatchObject({ version: 2, reason: expect.stringMatching(reason) });
    source.promote(3, 'better', async () => constant(0.3));
    await keeper.look();
    expect(await ask(keeper)).toEqual([3, 0.3]);
    expect(keeper.states()[0]?.refused).toBeUndefined();
  });

  it('answers all the while a slow model loads, and closes one that comes too late', async () => {
    const source = new FakeSource();
    source.promote(1, 'good', async () => constant(0.1));
    const keeper = keeperOf(source, { loadMs: 20 });
    await keeper.look();
    const late = constant(0.5);
    source.promote(2, 'late', () => new Promise((resolve) => setTimeout(resolve, 60, late)));
    const looking = keeper.look();
    expect(await ask(keeper)).toEqual([1, 0.1]);
    await looking;
    await expect.poll(() => late.closed).toBe(true);
    expect(await ask(keeper)).toEqual([1, 0.1]);
  });

  it('does not load what cannot change twice, and pauses between tries of what can', async () => {
    const source = new FakeSource();
    let now = NOW;
    const keeper = keeperOf(source, { now: () => now });
    source.promote(1, 'nan', async () => constant(Number.NaN));
    for (let look = 0; look < 5; look += 1) await keeper.look();
    expect(source.loads).toEqual(['nan']);
    source.promote(2, 'flaky', () => Promise.reject(new PerennialError('UNAVAILABLE', 'The disk is away')));
    await keeper.look();
    await keeper.look();
    now += 2_000;
    await keeper.look();
    now += 2_000;
    await keeper.look();
    expect(source.loads).toEqual(['nan', 'flaky', 'flaky']);
    source.promote(2, 'flaky', async () => constant(0.4));
    now += 60_000;
    await keeper.look();
    expect(await ask(keeper)).toEqual([2, 0.4]);
  });

  it('goes on with the last model while the registry is away, and says so', async () => {
    const source = new FakeSource();
    source.promote(1, 'good', async () => constant(0.1));
    const keeper = keeperOf(source);
    await keeper.look();
    source.down = true;
    await keeper.look();
    expect(await ask(keeper)).toEqual([1, 0.1]);
    expect(keeper.states()[0]?.trouble).toMatch(/away/);
  });

  it('lets a model go whose key was revoked while it answered, and takes it back when somebody vouches for it', async () => {
    const source = new FakeSource();
    let now = NOW;
    const model = constant(0.1);
    source.promote(1, 'good', async () => model);
    const keeper = keeperOf(source, { now: () => now });
    await keeper.look();
    source.distrust = true;
    await keeper.look();
    await expect(ask(keeper)).rejects.toThrow(/revoked/);
    expect(model.closed).toBe(true);
    expect(keeper.states()[0]).toMatchObject({ refused: { version: 1, reason: 'The key was revoked' } });
    source.distrust = false;
    now += 60_000;
    await keeper.look();
    expect(await ask(keeper)).toEqual([1, 0.1]);
  });

  it('serves 100 swaps, good and bad, without one failed or wrong answer', async () => {
    const source = new FakeSource();
    source.promote(0, 'p0', async () => constant(0));
    const keeper = keeperOf(source);
    await keeper.look();
    const answers: unknown[][] = [];
    for (let swap = 1; swap <= 100; swap += 1) {
      const bad = swap % 3 === 0;
      source.promote(swap, `p${swap}`, async () => constant(bad ? Number.NaN : swap / 100));
      const asked = Array.from({ length: 5 }, () => ask(keeper));
      await keeper.look();
      answers.push(...(await Promise.all([...asked, ask(keeper)])));
    }
    expect(answers).toHaveLength(600);
    expect(
      answers.filter(
        ([version, value]) => Number(version) / 100 !== value || (Number(version) % 3 === 0 && version !== 0),
      ),
    ).toEqual([]);
  });
});
