// The API's contract: answers with their provenance, cold start, problem documents, pages, and an OpenAPI document that is true.
import { describe, expect, it, vi } from 'vitest';
import { PerennialError } from '../../core/errors.ts';
import { fakeApp, fakeModel } from './fakes.ts';

describe('predict', () => {
  const answer = {
    prediction_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    entity: '123',
    model: 'propensity',
    version: 7,
    probability: 0.25,
    source: 'computed',
    scored_at: '2025-05-02T10:00:00.000Z',
    features: { recency_days: 3, preferred_brand: 'zen' },
    feature_time: '2025-05-01T00:00:00.000Z',
    known_at: '2025-05-01T06:00:00.000Z',
    cold_start: false,
    stale: false,
    served_at: '2025-05-02T10:00:00.000Z',
  };

  it('answers by POST and by GET alike, with exactly the features of the model', async () => {
    const { app } = await fakeApp();
    const posted = await app.inject({ method: 'POST', url: '/predict', payload: { user_id: '123' } });
    expect(posted.statusCode).toBe(200);
    expect(posted.json()).toEqual(answer);
    expect((await app.inject('/predict/propensity/123')).json()).toEqual(answer);
  });

  it('takes an unknown entity for the population and says so', async () => {
    const { app } = await fakeApp();
    for (const entity of ['nobody', '%20', 'O%27Brien', '%F0%9F%99%82']) {
      const reply = await app.inject(`/predict/propensity/${entity}`);
      expect(reply.statusCode).toBe(200);
      expect(reply.json()).toMatchObject({
        cold_start: true,
        probability: 0.1,
        feature_time: null,
        features: { recency_days: 20, preferred_brand: 'acme' },
      });
    }
  });

  it.each([
    [{}, 'user_id', 'Give user_id'],
    [{ user_id: 5 }, 'user_id', 'Give user_id as string'],
    [{ user_id: '' }, 'user_id', 'See /openapi.json for what user_id may be'],
    [{ user_id: 'a\0b' }, 'user_id', 'See /openapi.json for what user_id may be'],
    [{ user_id: 'x'.repeat(201) }, 'user_id', 'See /openapi.json for what user_id may be'],
    [{ user_id: '1', usr: 1 }, 'usr', 'Leave usr out'],
    [{ user_id: '1', model: 'No Such' }, 'model', 'See /openapi.json for what model may be'],
    [[], 'body', 'Give body as object'],
  ])('answers %j with a problem that names the field', async (payload, field, mend) => {
    const { app } = await fakeApp();
    const reply = await app.inject({ method: 'POST', url: '/predict', payload });
    expect(reply.statusCode).toBe(400);
    expect(reply.headers['content-type']).toContain('application/problem+json');
    expect(reply.json()).toMatchObject({ status: 400, type: 'urn:perennial:problem:400', field, mend });
    expect(reply.body).not.toMatch(/node_modules|\bat .*\.ts/);
  });

  it.each([
    ['/predict', 'application/json', '{"user_id":', 400],
    ['/predict', 'application/json', '', 400],
    ['/predict', 'application/xml', '<a/>', 415],
    ['/predict', 'application/json', `{"user_id":"${'x'.repeat(70_000)}"}`, 413],
    ['/nowhere', 'application/json', '{}', 404],
  ])('answers POST %s of %s %.12s with %i', async (url, type, payload, status) => {
    const { app } = await fakeApp();
    const reply = await app.inject({ method: 'POST', url, payload, headers: { 'content-type': type } });
    expect(reply.statusCode).toBe(status);
    expect(reply.json()).toMatchObject({ status });
  });

  it('answers a broken URL and an unknown model with problems', async () => {
    const { app } = await fakeApp();
    expect((await app.inject('/predict/propensity/%zz')).json()).toMatchObject({ status: 400 });
    expect((await app.inject('/predict/other/1')).json()).toMatchObject({
      status: 404,
      field: 'model',
      value: 'other',
    });
  });

  it('answers 503 without a model, 503 without Postgres, and tells nothing of the cause', async () => {
    const down = {
      read: () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7')),
      reachable: async () => false,
    };
    const { app, keeper } = await fakeApp({ online: down });
    const away = await app.inject('/predict/propensity/123');
    expect(away.statusCode).toBe(503);
    expect(away.headers['retry-after']).toBe('1');
    expect(away.body).not.toContain('10.0.0.7');
    expect((await app.inject('/health')).json()).toMatchObject({ status: 'degraded', postgres: 'unreachable' });
    await keeper.stop();
    expect((await app.inject('/predict/propensity/123')).statusCode).toBe(503);
  });

  it('never passes on what is no probability', async () => {
    let value = 0.5;
    const { app, keeper, source } = await fakeApp();
    source.promote(8, 'c'.repeat(64), async () => fakeModel(async () => value));
    await keeper.look();
    for (value of [Number.NaN, 1.5, -0.1, Number.POSITIVE_INFINITY]) {
      expect((await app.inject('/predict/propensity/123')).json()).toMatchObject({ status: 500 });
    }
  });
});

describe('what is loaded', () => {
  it('is told by /health and /models', async () => {
    const { app } = await fakeApp();
    expect((await app.inject('/health')).json()).toEqual({
      status: 'ok',
      environment: 'dev',
      postgres: 'reachable',
      models: [
        {
          model: 'propensity',
          version: 7,
          package_sha256: 'a'.repeat(64),
          signed_by: 'f'.repeat(16),
          since: '2025-05-02T10:00:00.000Z',
        },
      ],
    });
    expect((await app.inject('/models')).json().models[0]).toMatchObject({
      model: 'propensity',
      version: 7,
      entity: 'user_id',
      signed_by: 'f'.repeat(16),
    });
  });

  it('and what was refused, with the reason, beside the last good one', async () => {
    const { app, keeper, source } = await fakeApp();
    source.promote(8, 'c'.repeat(64), () => Promise.reject(new PerennialError('NOT_TRUSTED', 'It was never signed')));
    await keeper.look();
    const refused = { version: 8, reason: 'It was never signed', at: '2025-05-02T10:00:00.000Z' };
    expect((await app.inject('/models')).json()).toMatchObject({
      models: [{ version: 7 }],
      refused: [{ model: 'propensity', ...refused }],
    });
    expect((await app.inject('/health')).json()).toMatchObject({
      status: 'degraded',
      models: [{ version: 7, refused }],
    });
  });
});

describe('pages', () => {
  const url = '/dev/ecommerce-intelligence/overview';

  it('serves a page once per snapshot', async () => {
    const { app } = await fakeApp();
    const first = await app.inject(url);
    expect(first.statusCode).toBe(200);
    expect(first.headers).toMatchObject({ etag: '"41-bbbbbbbbbbbb"', 'content-type': 'text/html; charset=utf-8' });
    expect(first.body).toContain('Revenue grew 12\u00a0% &amp; more.');
    expect(first.body).not.toContain('<img');
    const again = await app.inject({ url, headers: { 'if-none-match': '"41-bbbbbbbbbbbb"' } });
    expect([again.statusCode, again.body]).toEqual([304, '']);
    expect((await app.inject('/dev/ecommerce-intelligence')).body).toContain('What was found');
  });

  it.each([
    ['/prod/ecommerce-intelligence/overview', 'environment'],
    ['/dev/nothing/overview', 'report'],
    ['/dev/ecommerce-intelligence/nothing', 'page'],
    [`${url}?at=3`, 'report'],
  ])('answers %s with 404 for the %s', async (address, field) => {
    const { app } = await fakeApp();
    expect((await app.inject(address)).json()).toMatchObject({ status: 404, field });
  });

  it('refuses a snapshot that is no number', async () => {
    const { app } = await fakeApp();
    expect((await app.inject(`${url}?at=1;drop`)).json()).toMatchObject({ status: 400, field: 'at' });
  });
});

describe('openapi.json', () => {
  it('holds schemas that no compiler finds fault with', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    await (await fakeApp()).app.ready();
    expect(warned.mock.calls).toEqual([]);
    warned.mockRestore();
  });

  it('describes every route that answers, in OpenAPI 3.1', async () => {
    const { app } = await fakeApp();
    const document = (await app.inject('/openapi.json')).json();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual(
      [
        '/.well-known/jwks.json',
        '/health',
        '/models',
        '/oauth/token',
        '/explain',
        '/predict',
        '/predict/batch',
        '/predict/{model}/{entity}',
        '/v2',
        '/v2/health/live',
        '/v2/health/ready',
        '/v2/models/{model}',
        '/v2/models/{model}/infer',
        '/v2/models/{model}/ready',
        '/v2/models/{model}/versions/{version}',
        '/v2/models/{model}/versions/{version}/infer',
        '/v2/models/{model}/versions/{version}/ready',
        '/{env}/{useCase}',
        '/{env}/{useCase}/{page}',
      ].sort(),
    );
    const { requestBody, responses } = document.paths['/predict'].post;
    expect(requestBody.content['application/json'].schema).toMatchObject({
      required: ['user_id'],
      additionalProperties: false,
    });
    expect(responses['200'].content['application/json'].schema.required).toContain('cold_start');
    expect(Object.keys(responses['400'].content)).toEqual(['application/problem+json']);
  });
});
