// A hundred promotions while requests go on, over HTTP: good, corrupt, NaN-producing, throwing and slow packages. No request fails, none is
// answered by a bad model, every model that left is closed.
import { expect, it } from 'vitest';
import { PerennialError } from '../../core/errors.ts';
import { ModelKeeper } from '../../serving/keeper.ts';
import type { LoadedModel } from '../../serving/ports.ts';
import { type FakeModel, FakeSource, fakeApp, fakeModel, NOW, quiet, served } from './fakes.ts';

const SWAPS = 100;
const LOAD_MS = 10;
/** Slow packages arrive when the test says so: long after anybody waited for them. */
const KINDS = ['good', 'corrupt', 'good', 'NaN', 'slow', 'good', 'throwing', 'above one'] as const;
const kindOf = (version: number) => KINDS[version % KINDS.length] ?? 'good';

const world = () => {
  const made = new Map<number, FakeModel>();
  const late: (() => void)[] = [];
  const keep = (version: number, score: LoadedModel['score']): FakeModel => {
    const model = fakeModel(score);
    made.set(version, model);
    return model;
  };
  const load = async (version: number): Promise<LoadedModel> => {
    switch (kindOf(version)) {
      case 'good':
        return keep(version, async () => version / 1_000);
      case 'corrupt':
        throw new PerennialError('HASH_MISMATCH', 'model.onnx holds other bytes');
      case 'NaN':
        return keep(version, async () => Number.NaN);
      case 'above one':
        return keep(version, async () => 1.01);
      case 'throwing':
        return keep(version, () => Promise.reject(new Error('boom')));
      case 'slow':
        return new Promise((resolve) => late.push(() => resolve(keep(version, async () => version / 1_000))));
    }
  };
  return { made, late, load };
};

it('serves a hundred swaps under load', async () => {
  const { made, late, load } = world();
  const source = new FakeSource();
  source.promote(0, 'package-0', () => load(0));
  const keeper = new ModelKeeper({ models: [served], source, log: quiet, now: () => NOW, loadMs: LOAD_MS });
  await keeper.look();
  const { app } = await fakeApp({ keeper });
  const ask = async () => {
    const reply = await app.inject('/predict/propensity/123');
    return { status: reply.statusCode, ...(reply.json() as { version: number; probability: number }) };
  };
  const asked: ReturnType<typeof ask>[] = [];
  let standing = 0;
  for (let version = 1; version <= SWAPS; version += 1) {
    source.promote(version, `package-${version}`, () => load(version));
    const looking = keeper.look();
    asked.push(ask(), ask(), ask());
    await looking;
    asked.push(ask());
    if (kindOf(version) === 'good') standing = version;
    expect(keeper.states()[0]?.loaded?.version).toBe(standing);
    expect(keeper.states()[0]?.refused?.version).toBe(standing === version ? undefined : version);
  }
  const answers = await Promise.all(asked);
  expect(answers).toHaveLength(4 * SWAPS);
  expect(
    answers.filter(({ status, version, probability }) => status !== 200 || probability !== version / 1_000),
  ).toEqual([]);
  expect(answers.filter(({ version }) => kindOf(version) !== 'good')).toEqual([]);
  for (const arrive of late) arrive();
  await keeper.stop();
  expect(made.size).toBeGreaterThan(SWAPS / 2);
  await expect.poll(() => [...made].filter(([, model]) => !model.closed).map(([version]) => version)).toEqual([]);
});
