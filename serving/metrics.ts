// What the API tells Prometheus: requests, stages, models, cache, prediction log, Postgres, event loop. One registry an environment.
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { LogCounts } from './batched-log.ts';
import { Histogram, type Series } from './histogram.ts';
import type { ModelState } from './keeper.ts';
import type { CacheReadings } from './scoring/feature-cache.ts';
import { afterwards, type InStage, type Stage, stages } from './stages.ts';

/** Asked anew at every scrape. */
export interface Readings extends CacheReadings {
  readonly environment: string;
  readonly models: () => readonly ModelState[];
  readonly pool: () => { readonly total: number; readonly idle: number; readonly waiting: number };
  readonly log?: () => LogCounts;
  readonly reads?: () => LogCounts;
}

export interface AnsweredRequest {
  readonly method: string;
  /** The route's pattern, never the address: an address may name a customer, and there are too many of them. */
  readonly route: string;
  readonly status: number;
  /** Empty where the request was about no model that is served. */
  readonly model: string;
  readonly seconds: number;
}

export interface ApiMetrics {
  readonly contentType: string;
  readonly inStage: InStage;
  answered(request: AnsweredRequest): void;
  formatted(model: string, seconds: number): void;
  shed(reason: string): void;
  /** The text that a scrape gets. */
  text(): Promise<string>;
}

/** Seconds; around the promises of 10 ms, 100 ms and 1 s. */
const BUCKETS = [
  0.00001, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
];

export const apiMetrics = (readings: Readings): ApiMetrics => {
  const registry = new Registry();
  registry.setDefaultLabels({ environment: readings.environment });
  const shed = new Counter({
    name: 'perennial_shed_requests_total',
    help: 'Requests refused because the server has too much to do',
    labelNames: ['reason'],
    registers: [registry],
  });
  readInto(registry, readings);
  collectDefaultMetrics({ register: registry });
  const answers = countAnswers(registry, readings.environment);
  const inStages = watchStages(readings.environment);
  return {
    contentType: registry.contentType,
    inStage: (name, model, work) => {
      const begun = performance.now();
      return afterwards(work, () => inStages.observe(name, model, (performance.now() - begun) / 1_000));
    },
    answered: answers.count,
    formatted: (model, took) => inStages.observe('format', model, took),
    shed: (reason) => shed.inc({ reason }),
    text: async () => `${await registry.metrics()}\n${answers.text()}\n${inStages.text()}\n`,
  };
};

interface Answers {
  readonly labels: Readonly<Record<'method' | 'route' | 'status' | 'model', string>>;
  readonly took: Series;
  count: number;
}

/** Requests by how they were answered. The names come from small sets: none of them is an address. */
const countAnswers = (registry: Registry, environment: string) => {
  const seconds = new Histogram({
    name: 'perennial_http_request_seconds',
    help: 'From the head of a request to the end of its answer',
    buckets: BUCKETS,
    labels: { environment },
  });
  const durations = new Map<string, Series>();
  const all = new Map<string, Answers>();
  new Counter({
    name: 'perennial_http_requests_total',
    help: 'Requests that were answered; without those of perennial_shed_requests_total',
    labelNames: ['method', 'route', 'status', 'model'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { labels, count } of all.values()) this.inc(labels, count);
    },
  });
  const begin = ({ method, route, status, model }: AnsweredRequest): Answers => {
    const took = durations.get(`${method} ${route}`) ?? seconds.series({ method, route });
    durations.set(`${method} ${route}`, took);
    return { labels: { method, route, status: String(status), model }, took, count: 0 };
  };
  const count = (request: AnsweredRequest): void => {
    const key = `${request.method} ${request.route} ${request.status} ${request.model}`;
    let answers = all.get(key);
    if (!answers) {
      answers = begin(request);
      all.set(key, answers);
    }
    answers.count += 1;
    answers.took.observe(request.seconds);
  };
  return { count, text: () => seconds.text() };
};

const watchStages = (environment: string) => {
  const seconds = new Histogram({
    name: 'perennial_stage_seconds',
    help: 'Stages of an answer: retrieve, features, infer, format',
    buckets: BUCKETS,
    labels: { environment },
  });
  const byStage = new Map(stages.map((stage) => [stage, new Map<string, Series>()]));
  const observe = (stage: Stage, model: string, took: number): void => {
    const byModel = byStage.get(stage);
    const series = byModel?.get(model) ?? seconds.series({ stage, model });
    byModel?.set(model, series);
    series.observe(took);
  };
  return { observe, text: () => seconds.text() };
};

/** Gauges and counters whose truth is kept elsewhere: read when somebody scrapes. */
const readInto = (registry: Registry, { models, pool, cache, shared, log, reads }: Readings): void => {
  const reading = <Metric extends Gauge | Counter>(
    name: string,
    help: string,
    labelNames: readonly string[],
    collect: (metric: Metric) => void,
  ) => ({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect(this: Metric) {
      this.reset();
      collect(this);
    },
  });
  const read = (...given: Parameters<typeof reading<Gauge>>) => new Gauge(reading<Gauge>(...given));
  const total = (...given: Parameters<typeof reading<Counter>>) => new Counter(reading<Counter>(...given));
  read('perennial_model_info', 'The version that answers', ['model', 'version', 'package', 'signed_by'], (gauge) => {
    for (const { name: model, loaded } of models()) {
      if (!loaded) continue;
      const { version, packageSha256, signedBy } = loaded;
      gauge.set({ model, version, package: packageSha256.slice(0, 12), signed_by: signedBy }, 1);
    }
  });
  read('perennial_model_refused', 'A champion that was not loaded', ['model', 'version'], (gauge) => {
    for (const { name: model, refused } of models()) if (refused) gauge.set({ model, version: refused.version }, 1);
  });
  read('perennial_registry_unanswered', '1 while the registry does not answer', ['model'], (gauge) => {
    for (const { name: model, trouble } of models()) gauge.set({ model }, trouble === undefined ? 0 : 1);
  });
  read('perennial_postgres_connections', 'Connections of the pool; waiting: requests for one', ['state'], (gauge) => {
    for (const [state, count] of Object.entries(pool())) gauge.set({ state }, count);
  });
  if (cache) {
    total('perennial_cache_requests_total', 'Reads of online features', ['layer', 'result'], (counter) => {
      for (const [layer, stats] of Object.entries({ memory: cache(), ...(shared && { redis: shared() }) })) {
        counter.inc({ layer, result: 'hit' }, stats.hits);
        counter.inc({ layer, result: 'miss' }, stats.misses);
      }
    });
    read('perennial_cache_entries', 'Entities in memory', [], (gauge) => gauge.set(cache().size));
  }
  if (shared) {
    const help = 'What Redis did not do: failed or was late, or held what nobody wrote';
    total('perennial_redis_trouble_total', help, ['reason'], (counter) => {
      counter.inc({ reason: 'failed' }, shared().failures);
      counter.inc({ reason: 'refused' }, shared().refused);
    });
    read('perennial_redis_connected', '1 while Redis is connected', [], (gauge) =>
      gauge.set(Number(shared().connected)),
    );
  }
  const logged = (name: string, help: string, counts: () => LogCounts) => {
    total(`${name}_total`, help, ['result'], (counter) => {
      counter.inc({ result: 'written' }, counts().written);
      counter.inc({ result: 'dropped' }, counts().dropped);
    });
    read(`${name}_waiting`, 'Records not written yet', [], (gauge) => gauge.set(counts().waiting));
  };
  if (log) logged('perennial_prediction_log', 'Predictions by what became of their record', log);
  if (reads) logged('perennial_read_log', 'Records of who asked about whom, by what became of them', reads);
};
