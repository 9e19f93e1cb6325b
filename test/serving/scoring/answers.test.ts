// Answers over HTTP beyond the single prediction: batches, reasons, the log, stale features, the Open Inference Protocol.
import { describe, expect, it } from 'vitest';
import type { LoggedPrediction } from '../../../core/prediction-log.ts';
import type { FeatureValues, OnlineFeatures } from '../../../serving/ports.ts';
import { FeatureCache } from '../../../serving/scoring/feature-cache.ts';
import { loggedPrediction } from '../../support/predictions.ts';
import { fakeApp, fakeModel, known, NOW } from '../fakes.ts';

const post = (url: string, payload: object) => ({ method: 'POST' as const, url, payload });

it('features that expired are none: the population answers, and why is said', async () => {
  const online = {
    read: async () =>
      new Map([
        ['123', { ...known, expired: true as const }],
        ['124', known],
      ]),
    reachable: async () => true,
  };
  const { app, log } = await loggedApp(online);
  const [old, young, nobody] = (await app.inject(post('/predict/batch', { user_ids: ['123', '124', 'x'] }))).json()
    .predictions;
  expect(old).toMatchObject({ cold_start: true, expired: true, feature_time: null, known_at: null });
  expect([old.features, old.probability]).toEqual([nobody.features, nobody.probability]);
  for (const other of [young, nobody]) expect(other).not.toHaveProperty('expired');
  expect([young.cold_start, young.features.recency_days]).toEqual([false, known.values.recency_days]);
  expect(young.features).not.toEqual(old.features);
  expect(log.map(({ coldStart }) => coldStart)).toEqual([true, false, true]);
});

/** An app over these features, and what it notes of its answers. */
const loggedApp = async (online: {
  read: () => Promise<Map<string, OnlineFeatures>>;
  reachable: () => Promise<boolean>;
}) => {
  const log: LoggedPrediction[] = [];
  const counts = () => ({ waiting: 0, written: log.length, dropped: 0 });
  return { ...(await fakeApp({ online, predictions: { add: (one) => void log.push(one), counts } })), log };
};

describe('batches', () => {
  it('answer in the order of the entities, from one query and one run of the model', async () => {
    const queries: (readonly string[])[] = [];
    const online = {
      read: async (_: string, entities: readonly string[]) => {
        queries.push(entities);
        return new Map(entities.filter((name) => name === '123').map((name) => [name, known]));
      },
      reachable: async () => true,
    };
    const { app, keeper, source } = await fakeApp({ online });
    let runs = 0;
    const one = async (v: FeatureValues) => (v.preferred_brand === 'zen' ? 0.25 : 0.1);
    const model = {
      ...fakeModel(one),
      scoreMany: async (rows: readonly FeatureValues[]) => {
        runs += 1;
        return Promise.all(rows.map(one));
      },
    };
    source.promote(8, 'c'.repeat(64), async () => model);
    await keeper.look();
    const asked = ['x', '123', 'y', '123'];
    const reply = await app.inject(post('/predict/batch', { user_ids: asked }));
    expect(reply.statusCode).toBe(200);
    const { predictions } = reply.json();
    expect(predictions.map((p: { entity: string }) => p.entity)).toEqual(asked);
    expect(predictions.map((p: { probability: number }) => p.probability)).toEqual([0.1, 0.25, 0.1, 0.25]);
    expect(predictions.map((p: { cold_start: boolean }) => p.cold_start)).toEqual([true, false, true, false]);
    expect(predictions[1]).toMatchObject({ version: 8, feature_time: '2025-05-01T00:00:00.000Z', model: 'propensity' });
    expect(new Set(predictions.map((p: { prediction_id: string }) => p.prediction_id)).size).toBe(4);
    expect([queries, runs]).toEqual([[asked], 1]);
  });

  it.each([
    [{ user_ids: [] }, 'user_ids'],
    [{ user_ids: Array.from({ length: 1_001 }, String) }, 'user_ids'],
    [{ user_ids: ['1', ''] }, 'user_ids.1'],
    [{}, 'user_ids'],
  ])('refuse %.40j', async (payload, field) => {
    const { app } = await fakeApp();
    expect((await app.inject(post('/predict/batch', payload))).json()).toMatchObject({ status: 400, field });
  });

  it('take a thousand long keys', async () => {
    const { app } = await fakeApp();
    const user_ids = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(200, 'k'));
    const reply = await app.inject(post('/predict/batch', { user_ids }));
    expect(reply.json().predictions).toHaveLength(1_000);
  });
});

describe('reasons', () => {
  const explained = async () => {
    const made = await fakeApp();
    const model = {
      ...fakeModel(async () => 0.25),
      explain: async (rows: readonly FeatureValues[]) =>
        rows.map(() => ({
          expected: -2,
          raw: -1,
          contributions: [
            ['recency_days', 0.25],
            ['preferred_brand', -0.75],
          ] as const,
        })),
    };
    made.source.promote(8, 'c'.repeat(64), async () => model);
    await made.keeper.look();
    return made.app;
  };

  it('come on demand only, the weightiest first', async () => {
    const app = await explained();
    const reasons = {
      expected_value: -2,
      raw_score: -1,
      contributions: [
        { feature: 'preferred_brand', value: 'zen', contribution: -0.75 },
        { feature: 'recency_days', value: 3, contribution: 0.25 },
      ],
    };
    const asked = [
      post('/predict?explain=true', { user_id: '123' }),
      post('/predict', { user_id: '123', explain: true }),
      post('/explain', { user_id: '123' }),
      { method: 'GET' as const, url: '/predict/propensity/123?explain=true' },
    ];
    for (const request of asked) expect((await app.inject(request)).json()).toMatchObject({ reasons });
    const batch = await app.inject(post('/predict/batch', { user_ids: ['123', 'x'], explain: true }));
    expect(batch.json().predictions[0]).toMatchObject({ entity: '123', reasons });
    expect(batch.json().predictions[1].reasons.contributions).toMatchObject([{ value: 'acme' }, { value: 20 }]);
    const user_ids = Array.from({ length: 101 }, String);
    expect((await app.inject(post('/predict/batch', { user_ids, explain: true }))).json()).toMatchObject({
      status: 400,
      field: 'user_ids',
    });
    expect((await app.inject(post('/predict', { user_id: '123' }))).json()).not.toHaveProperty('reasons');
  });

  it('are refused where the version has none to give, and explain is a yes or a no', async () => {
    const { app } = await fakeApp();
    expect((await app.inject(post('/explain', { user_id: '123' }))).json()).toMatchObject({
      status: 503,
      field: 'explain',
    });
    expect((await app.inject('/predict/propensity/1?explain=perhaps')).json()).toMatchObject({
      status: 400,
      field: 'explain',
    });
  });
});

describe('the log', () => {
  it('gets what was answered and under which number, single and in batches, and not what failed', async () => {
    const logged: LoggedPrediction[] = [];
    const predictions = {
      add: (entry: LoggedPrediction) => void logged.push(entry),
      counts: () => ({ waiting: 0, written: 0, dropped: 3 }),
    };
    const { app, keeper } = await fakeApp({ predictions });
    const single = (await app.inject('/predict/propensity/123')).json();
    const { predictions: many } = (await app.inject(post('/predict/batch', { user_ids: ['123', 'x'] }))).json();
    expect(logged.map(({ id }) => id)).toEqual([single, ...many].map((p) => p.prediction_id));
    expect(logged[0]).toEqual({
      id: single.prediction_id,
      servedAt: '2025-05-02T10:00:00.000Z',
      useCase: 'ecommerce-intelligence',
      model: 'propensity',
      version: 7,
      packageSha256: 'a'.repeat(64),
      view: 'features.customer_daily',
      entity: '123',
      probability: 0.25,
      features: { recency_days: 3, preferred_brand: 'zen' },
      featureTime: '2025-05-01T00:00:00.000Z',
      knownAt: '2025-05-01T06:00:00.000Z',
      coldStart: false,
      stale: false,
      job: null,
    });
    expect((await app.inject('/health')).json()).toMatchObject({ prediction_log: { dropped: 3 } });
    await keeper.stop();
    await app.inject('/predict/propensity/123');
    expect(logged).toHaveLength(3);
  });
});

describe('a record', () => {
  const id = '96431ccc-b783-461f-9818-e3b9f883989d';
  const records = { find: async (asked: string) => (asked === id ? loggedPrediction(id) : undefined) };

  it('is told by its number, and where to look for it later', async () => {
    const { app } = await fakeApp({ records });
    expect((await app.inject(`/predictions/${id}`)).json()).toMatchObject({
      prediction_id: id,
      use_case: 'ecommerce-intelligence',
      probability: 0.25,
      features: { recency_days: 3 },
      cold_start: true,
      feature_time: null,
    });
    const other = id.replace('9', '8');
    expect((await app.inject(`/predictions/${other}`)).json()).toMatchObject({
      status: 404,
      field: 'id',
      value: other,
    });
    expect((await app.inject('/predictions/mine')).json()).toMatchObject({ status: 400, field: 'id' });
  });

  it('is not to be had while Postgres is away', async () => {
    const { app } = await fakeApp({ records: { find: () => Promise.reject(new Error('10.0.0.7')) } });
    const reply = await app.inject(`/predictions/${id}`);
    expect(reply.json()).toMatchObject({ status: 503, field: 'postgres' });
    expect(reply.body).not.toContain('10.0.0.7');
  });
});

it('answers from memory while Postgres is away, says so and why, and 503 for whom it does not remember', async () => {
  let down = false;
  const read = async (_: string, entities: readonly string[]) => {
    if (down) throw new Error('away');
    return new Map(entities.includes('123') ? [['123', known]] : []);
  };
  const features = new FeatureCache({ store: { read }, now: () => NOW, freshMs: 0 });
  const { app } = await fakeApp({ features });
  expect((await app.inject('/predict/propensity/123')).json()).toMatchObject({ stale: false });
  down = true;
  expect((await app.inject('/predict/propensity/123')).json()).toMatchObject({
    probability: 0.25,
    cold_start: false,
    stale: true,
    stale_reason: expect.stringMatching(/online store does not answer/),
  });
  expect((await app.inject('/predict/propensity/new')).json()).toMatchObject({ status: 503, field: 'postgres' });
});

describe('the Open Inference Protocol', () => {
  const numeric = (data: unknown, more: object = {}) => ({
    name: 'recency_days',
    shape: [2],
    datatype: 'FP64',
    data,
    ...more,
  });
  const brand = { name: 'preferred_brand', shape: [2], datatype: 'BYTES', data: ['zen', null] };
  const infer = '/v2/models/propensity/infer';

  it('tells of the server and of the model', async () => {
    const { app, keeper } = await fakeApp();
    expect((await app.inject('/v2')).json()).toEqual({ name: 'perennial', version: '0.1.0', extensions: [] });
    expect((await app.inject('/v2/health/live')).json()).toEqual({ live: true });
    expect((await app.inject('/v2/health/ready')).json()).toEqual({ ready: true });
    for (const path of ['/v2/models/propensity', '/v2/models/propensity/versions/7']) {
      expect((await app.inject(path)).json()).toEqual({
        name: 'propensity',
        versions: ['7'],
        platform: 'onnx_onnxv1',
        inputs: [
          { name: 'recency_days', datatype: 'FP64', shape: [-1] },
          { name: 'preferred_brand', datatype: 'BYTES', shape: [-1] },
        ],
        outputs: [{ name: 'probability', datatype: 'FP64', shape: [-1] }],
      });
      expect((await app.inject(`${path}/ready`)).json()).toEqual({ name: 'propensity', ready: true });
    }
    for (const path of ['', '/ready']) {
      expect((await app.inject(`/v2/models/propensity/versions/6${path}`)).json()).toMatchObject({
        status: 404,
        field: 'version',
        mend: expect.stringMatching(/Ask version 7/),
      });
    }
    expect((await app.inject('/v2/models/other')).json()).toMatchObject({ status: 404, field: 'model' });
    await keeper.stop();
    for (const path of ['/v2/health/ready', '/v2/models/propensity/ready'])
      expect((await app.inject(path)).statusCode).toBe(503);
  });

  it('scores named tensors, flat or nested, in any order, null being missing', async () => {
    const { app } = await fakeApp();
    const inputs = [brand, numeric([[3], [null]], { shape: [2, 1] })];
    for (const url of [infer, '/v2/models/propensity/versions/7/infer']) {
      const reply = await app.inject(post(url, { id: 'mine', inputs, parameters: { any: 1 } }));
      expect(reply.json()).toEqual({
        model_name: 'propensity',
        model_version: '7',
        id: 'mine',
        outputs: [{ name: 'probability', shape: [2], datatype: 'FP64', data: [0.25, 0.1] }],
      });
    }
  });

  it('scores one matrix where all features are numeric', async () => {
    const { app, keeper, source } = await fakeApp();
    const model = fakeModel(async ({ a, b }) => Number(a ?? 0) / 10 + Number(b ?? 0) / 100);
    const features = ['a', 'b'].map((name) => ({ name, kind: 'numeric' as const, description: name }));
    source.promote(8, 'c'.repeat(64), async () => ({
      ...model,
      signature: { ...model.signature, features, categories: {} },
    }));
    await keeper.look();
    for (const data of [
      [1, 2, 3, 4],
      [
        [1, 2],
        [3, 4],
      ],
    ]) {
      const inputs = [{ name: 'rows', shape: [2, 2], datatype: 'FP64', data }];
      expect((await app.inject(post(infer, { inputs }))).json().outputs[0].data).toEqual([
        expect.closeTo(0.12, 12),
        expect.closeTo(0.34, 12),
      ]);
    }
  });

  it.each([
    ['a missing input', [numeric([1, 2])], 'inputs.preferred_brand'],
    ['an unknown input', [brand, numeric([1, 2]), numeric([1, 2], { name: 'else' })], 'inputs.else'],
    ['an input given twice', [brand, brand], 'inputs.preferred_brand'],
    ['another datatype', [brand, numeric(['1', '2'], { datatype: 'BYTES' })], 'inputs.recency_days'],
    ['text among numbers', [brand, numeric([1, 'x'])], 'inputs.recency_days'],
    ['a fraction among integers', [brand, numeric([1, 1.5], { datatype: 'INT32' })], 'inputs.recency_days'],
    ['fewer elements than the shape says', [brand, numeric([1])], 'inputs.recency_days'],
    ['shapes that disagree', [brand, numeric([1, 2, 3], { shape: [3] })], 'inputs.recency_days'],
    ['a matrix with a category in it', [numeric([[1, 2]], { name: 'all', shape: [1, 2] })], 'inputs.all'],
    ['no rows', [{ ...brand, shape: [0], data: [] }, numeric([], { shape: [0] })], 'inputs.preferred_brand'],
    ['an unheard-of datatype', [brand, numeric([1, 2], { datatype: 'FP7' })], 'inputs.1.datatype'],
  ])('refuses %s by name', async (_, inputs, field) => {
    const { app } = await fakeApp();
    const reply = await app.inject(post(infer, { inputs }));
    expect(reply.json()).toMatchObject({ status: 400, field });
  });

  it('refuses an output that there is not', async () => {
    const { app } = await fakeApp();
    const reply = await app.inject(post(infer, { inputs: [brand, numeric([1, 2])], outputs: [{ name: 'logits' }] }));
    expect(reply.json()).toMatchObject({ status: 400, field: 'outputs.0.name' });
  });
});
