// Answers made ahead, over HTTP: who may speak when, and what is said of where an answer came from.
import { describe, expect, it } from 'vitest';
import type { Likeliest, PrecomputedAnswer } from '../../../adapters/postgres/precomputed.ts';
import { PerennialError } from '../../../core/errors.ts';
import type { LoggedPrediction } from '../../../core/prediction-log.ts';
import { fakeApp, fakeModel, NOW } from '../fakes.ts';

const stored: PrecomputedAnswer = {
  version: 7,
  packageSha256: 'a'.repeat(64),
  view: 'features.customer_daily',
  features: ['recency_days', 'preferred_brand'],
  probability: 0.75,
  values: { preferred_brand: 'zen', recency_days: 3, not_in_the_model: 1 },
  eventTime: '2025-05-01T00:00:00.000Z',
  knownAt: '2025-05-01T06:00:00.000Z',
  scoredAt: '2025-05-02T02:00:00.000Z',
};
const ranked: Likeliest = {
  version: 7,
  packageSha256: 'a'.repeat(64),
  answers: ['123', '9'].map((entity) => ({ ...stored, entity, current: entity === '123' })),
};
const asked = '/predict/propensity/123?precomputed=true';

const appWith = async (more: Partial<PrecomputedAnswer> = {}, log: LoggedPrediction[] = []) => {
  const precomputed = {
    find: async (_: string, entity: string) => (entity === '123' ? { ...stored, ...more } : undefined),
    likeliest: async (_: string, count: number) => ({ ...ranked, answers: ranked.answers.slice(0, count) }),
  };
  const predictions = {
    add: (entry: LoggedPrediction) => void log.push(entry),
    counts: () => ({ waiting: 0, written: 0, dropped: 0 }),
  };
  return { ...(await fakeApp({ precomputed, predictions })), precomputed };
};

/** The champion is another one from now on, and cannot be loaded. */
const breakDown = async ({ keeper, source }: Awaited<ReturnType<typeof appWith>>, error: PerennialError) => {
  source.promote(7, 'a'.repeat(64), () => Promise.reject(error));
  await keeper.stop();
  await keeper.look();
};
const rot = new PerennialError('HASH_MISMATCH', 'model.onnx holds other bytes');

describe('an answer made ahead', () => {
  it('is given where it is asked for, with its origin, and noted like any other', async () => {
    const log: LoggedPrediction[] = [];
    const { app } = await appWith({}, log);
    const answer = (await app.inject(asked)).json();
    expect(answer).toEqual({
      prediction_id: log[0]?.id,
      entity: '123',
      model: 'propensity',
      version: 7,
      probability: 0.75,
      source: 'precomputed',
      scored_at: stored.scoredAt,
      features: { recency_days: 3, preferred_brand: 'zen' },
      feature_time: stored.eventTime,
      known_at: stored.knownAt,
      cold_start: false,
      stale: false,
      served_at: new Date(NOW).toISOString(),
    });
    expect(Object.keys(answer.features)).toEqual(stored.features);
    const payload = { user_id: '123', precomputed: true };
    expect((await app.inject({ method: 'POST', url: '/predict', payload })).json()).toMatchObject({
      probability: 0.75,
    });
    expect(log).toHaveLength(2);
    expect(log[0]).toMatchObject({ probability: 0.75, view: stored.view, packageSha256: stored.packageSha256 });
  });

  it.each([
    ['nobody asks for it', {}, '/predict/propensity/123'],
    ['reasons are asked for', {}, `${asked}&explain=false&k=1`],
    ['another package made it', { packageSha256: 'b'.repeat(64) }, asked],
    ['there is none', {}, '/predict/propensity/nobody?precomputed=true'],
  ])('is not given where %s', async (_, more, url) => {
    const { app } = await appWith(more);
    const reply = await app.inject(url);
    if (url.includes('k=1')) expect(reply.statusCode).toBe(400);
    else expect(reply.json()).toMatchObject({ source: 'computed', probability: expect.closeTo(0.2, 0) });
  });

  it('gives way to computing with reasons, and where Postgres is away', async () => {
    const { app, keeper, source, precomputed } = await appWith();
    const explain = async () => [{ expected: 0, raw: 0, contributions: [] }];
    source.promote(7, 'd'.repeat(64), async () => ({ ...fakeModel(async () => 0.5), explain }));
    await keeper.look();
    expect((await app.inject(`${asked}&explain=true`)).json()).toMatchObject({ source: 'computed', reasons: {} });
    precomputed.find = () => Promise.reject(new Error('away'));
    expect((await app.inject(asked)).json()).toMatchObject({ source: 'computed', probability: 0.5 });
  });

  it('stands in, asked for or not, for a champion that cannot be loaded, and says why', async () => {
    const made = await appWith();
    await breakDown(made, rot);
    for (const url of [asked, '/predict/propensity/123'])
      expect((await made.app.inject(url)).json()).toMatchObject({
        source: 'precomputed',
        probability: 0.75,
        fallback_reason: expect.stringMatching(/cannot be loaded: model.onnx holds other bytes/),
      });
    expect((await made.app.inject('/predict/propensity/nobody')).statusCode).toBe(503);
    expect((await made.app.inject('/predict/propensity/top')).statusCode).toBe(200);
  });

  it('does not speak for a champion that is not trusted, be it from the start or from now on', async () => {
    const made = await appWith();
    await breakDown(made, new PerennialError('NOT_TRUSTED', 'never signed'));
    for (const url of [asked, '/predict/propensity/top']) expect((await made.app.inject(url)).statusCode).toBe(503);
    const later = await appWith();
    await breakDown(later, rot);
    expect((await later.app.inject(asked)).statusCode).toBe(200);
    later.source.distrust = true;
    await later.keeper.look();
    for (const url of [asked, '/predict/propensity/top']) expect((await later.app.inject(url)).statusCode).toBe(503);
  });
});

describe('the likeliest', () => {
  it('are ranked, as many as are asked for, with what is known of their features', async () => {
    const { app } = await appWith();
    expect((await app.inject('/predict/propensity/top')).json()).toEqual({
      model: 'propensity',
      version: 7,
      package_sha256: 'a'.repeat(64),
      entities: ['123', '9'].map((entity, i) => ({
        rank: i + 1,
        entity,
        probability: 0.75,
        feature_time: stored.eventTime,
        known_at: stored.knownAt,
        scored_at: stored.scoredAt,
        current: i === 0,
      })),
    });
    expect((await app.inject('/predict/propensity/top?k=1')).json().entities).toHaveLength(1);
  });

  it.each([
    ['/predict/propensity/top?k=0', 400, 'k'],
    ['/predict/propensity/top?k=1001', 400, 'k'],
    ['/predict/other/top', 404, 'model'],
  ])('%s is answered %i', async (url, status, field) => {
    const { app } = await appWith();
    expect((await app.inject(url)).json()).toMatchObject({ status, field });
  });

  it('are not told of a version that is champion no more', async () => {
    const { app, keeper, source } = await appWith();
    source.promote(8, 'e'.repeat(64), async () => fakeModel(async () => 0.5));
    await keeper.look();
    expect((await app.inject('/predict/propensity/top')).json()).toMatchObject({ status: 503, field: 'model' });
  });
});
