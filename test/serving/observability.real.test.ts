// What the API tells of its work: numbers that add up, labels that name no customer, and traces that go on where the caller's began.
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTraces, type Traces, traceIds } from '../../adapters/otel/provider.ts';
import { type ApiMetrics, apiMetrics } from '../../serving/metrics.ts';
import { tracedStages } from '../../serving/tracing.ts';
import { type Collector, startCollector } from '../support/collector.ts';
import { fakeApp } from './fakes.ts';

const watched = async (more: Parameters<typeof fakeApp>[0] = {}) => {
  const readings = { hits: 3, misses: 1, size: 2, stale: 0, hitRate: 0.75 };
  const shared = { hits: 1, misses: 2, failures: 3, refused: 4, hitRate: 1 / 3, connected: true };
  const metrics: ApiMetrics = apiMetrics({
    environment: 'dev',
    models: () => made.keeper.states(),
    pool: () => ({ total: 4, idle: 3, waiting: 0 }),
    cache: () => readings,
    shared: () => shared,
    log: () => ({ waiting: 5, written: 7, dropped: 1 }),
  });
  const made = await fakeApp({ metrics, inStage: metrics.inStage, ...more });
  const scrape = async (): Promise<ReadonlyMap<string, number>> => {
    const { body } = await made.app.inject('/metrics');
    const samples = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(samples.map((line) => [sorted(line), Number(line.split(' ').at(-1))]));
  };
  return { ...made, metrics, scrape, readings };
};

/** A sample's name with its labels in the order of the alphabet, `environment` left out: it is the same everywhere. */
const sorted = (line: string): string => {
  const [, name = '', labels = ''] = /^([^{ ]+)(?:\{([^}]*)\})? /.exec(line) ?? [];
  const kept = labels.split(',').filter((label) => !label.startsWith('environment='));
  return `${name}{${kept.sort().join()}}`;
};

describe('/metrics', () => {
  it('counts every request once, by route and status, and names no customer', async () => {
    const { app, scrape } = await watched();
    for (const url of ['/predict/propensity/123', '/predict/propensity/unknown-customer', '/predict/nobody/123'])
      await app.inject(url);
    await app.inject({ method: 'POST', url: '/predict', payload: { user_id: '123' } });
    await app.inject('/secret-path');
    const found = await scrape();
    const requests = (route: string, status: number, model: string, method = 'GET') =>
      found.get(
        `perennial_http_requests_total{method="${method}",model="${model}",route="${route}",status="${status}"}`,
      );
    expect(requests('/predict/:model/:entity', 200, 'propensity')).toBe(2);
    expect(requests('/predict/:model/:entity', 404, '')).toBe(1);
    expect(requests('/predict', 200, 'propensity', 'POST')).toBe(1);
    expect(requests('none', 404, '')).toBe(1);
    expect([...found.keys()].join('\n')).not.toMatch(/unknown-customer|nobody|secret-path/);
  });

  it('counts each stage once an answer', async () => {
    const { app, scrape } = await watched();
    for (let asked = 0; asked < 3; asked += 1) await app.inject('/predict/propensity/123');
    const found = await scrape();
    for (const stage of ['retrieve', 'features', 'infer', 'format'])
      expect(found.get(`perennial_stage_seconds_count{model="propensity",stage="${stage}"}`)).toBe(3);
  });

  it('tells which version answers and which was refused, anew at each scrape', async () => {
    const { keeper, source, scrape } = await watched();
    const info = `perennial_model_info{model="propensity",package="${'a'.repeat(12)}",signed_by="${'f'.repeat(16)}",version="7"}`;
    expect((await scrape()).get(info)).toBe(1);
    source.promote(8, 'c'.repeat(64), () => Promise.reject(new Error('rotten')));
    await keeper.look();
    const found = await scrape();
    expect(found.get('perennial_model_refused{model="propensity",version="8"}')).toBe(1);
    expect(found.get(info)).toBe(1);
  });

  it('passes on what cache, log and pool count, without counting twice', async () => {
    const { scrape, readings } = await watched();
    await scrape();
    Object.assign(readings, { hits: 10 });
    const found = await scrape();
    expect(found.get('perennial_cache_requests_total{layer="memory",result="hit"}')).toBe(10);
    expect(found.get('perennial_cache_requests_total{layer="redis",result="miss"}')).toBe(2);
    expect(found.get('perennial_redis_trouble_total{reason="refused"}')).toBe(4);
    expect(found.get('perennial_redis_connected{}')).toBe(1);
    expect(found.get('perennial_prediction_log_total{result="dropped"}')).toBe(1);
    expect(found.get('perennial_postgres_connections{state="idle"}')).toBe(3);
  });
});

describe('traces', () => {
  let collector: Collector;
  let traces: Traces;
  beforeAll(async () => {
    collector = await startCollector();
    traces = await startTraces('test', collector.url);
  });
  afterAll(async () => {
    await traces.close();
    await collector.close();
  });

  const TRACE = '0af7651916cd43dd8448eb211c80319c';
  const CALLER = 'b7ad6b7169203331';
  const headers = { traceparent: `00-${TRACE}-${CALLER}-01` };

  it('go on from the caller through the request to its stages; a failure is one; logs carry the ids', async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        lines.push(String(chunk));
        done();
      },
    });
    let away = false;
    const online = {
      read: async () => {
        if (away) throw new Error('Postgres is away');
        return new Map();
      },
      reachable: async () => true,
    };
    const { app } = await watched({
      online,
      traced: true,
      inStage: tracedStages((_stage, _model, work) => work()),
      logger: { level: 'warn', stream, mixin: traceIds },
    });
    await app.inject({ method: 'POST', url: '/predict', payload: { user_id: '123' }, headers });
    away = true;
    await app.inject({ method: 'POST', url: '/predict', payload: { user_id: '123' }, headers });
    await expect.poll(() => collector.spans.length).toBe(6);

    const [good, bad] = collector.spans.filter(({ name }) => name === 'POST /predict');
    expect([good, bad]).toMatchObject([
      { traceId: TRACE, parentSpanId: CALLER },
      { traceId: TRACE, parentSpanId: CALLER, status: { code: 2 } },
    ]);
    const below = (id: string | undefined) => collector.spans.filter(({ parentSpanId }) => parentSpanId === id);
    expect(below(good?.spanId).map(({ name }) => name)).toEqual(['retrieve', 'features', 'infer']);
    expect(below(bad?.spanId)).toMatchObject([{ name: 'retrieve', status: { code: 2 } }]);
    expect(JSON.stringify(collector.spans)).not.toContain('"123"');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ trace_id: TRACE, span_id: bad?.spanId }]);
  });
});
