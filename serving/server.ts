// A running API of one environment: the real tools wired to the app, champions watched, everything closed in order.
import { type Logger, pino } from 'pino';
import { FolderArtifacts } from '../adapters/artifacts/folder.ts';
import { openOnnx } from '../adapters/onnx/session.ts';
import { traceIds } from '../adapters/otel/provider.ts';
import { PostgresAuditReads } from '../adapters/postgres/audit-reads.ts';
import { PostgresFeatureRegistry } from '../adapters/postgres/feature-registry.ts';
import { PostgresOnlineStore } from '../adapters/postgres/online-store.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import { PostgresPrecomputed } from '../adapters/postgres/precomputed.ts';
import { PostgresPredictionLog } from '../adapters/postgres/prediction-log.ts';
import { PostgresPublishedReports } from '../adapters/postgres/published-reports.ts';
import { PostgresRegistry } from '../adapters/postgres/registry.ts';
import { PostgresScoreJobs } from '../adapters/postgres/score-jobs.ts';
import { PostgresSignatures } from '../adapters/postgres/signatures.ts';
import { KeyFolder } from '../adapters/signing/key-folder.ts';
import type { UseCase } from '../core/use-case.ts';
import type { Environment } from '../environments/environment.ts';
import { useCases } from '../models/index.ts';
import { chainsOf, keepAnchor } from './access/anchor.ts';
import { auditDesk, keyDesk } from './access/desks.ts';
import type { GuardedRoute } from './access/principal.ts';
import { ReadLog } from './access/reads.ts';
import { requireSafe } from './access/safety.ts';
import { readTls } from './access/transport.ts';
import { accessOf } from './access/wire.ts';
import { type AppDeps, buildApp } from './app.ts';
import { hearChanges } from './changes.ts';
import { postgresFeatureStore } from './feature-store.ts';
import { JobRunner } from './jobs/runner.ts';
import { ModelKeeper } from './keeper.ts';
import { apiMetrics } from './metrics.ts';
import { type DelayWatch, watchDelay } from './overload.ts';
import type { ServedModel } from './ports.ts';
import { Explainer } from './scoring/explainer.ts';
import { FeatureCache } from './scoring/feature-cache.ts';
import { PredictionLog } from './scoring/prediction-log.ts';
import { SharedFeatures } from './scoring/shared-features.ts';
import { publishedSource, registrySource } from './sources.ts';
import { tracedStages } from './tracing.ts';

export interface RunningApi {
  readonly url: string;
  readonly routes: readonly GuardedRoute[];
  close(): Promise<void>;
}

const POOL_SIZE = 10;
/** A request that waits longer for Postgres than this is answered 503. */
const STATEMENT_MS = 2_000;
const LOG_MS = 10_000;
/** Callers who have not been let in yet: whoever finds no room here learns nothing for a second, so all of a crowd should. */
const BACKLOG = 4_096;

/** Starts the API at the environment's address. It comes up without a model, and without Postgres, and says so in /health. */
export const startApi = async (environment: Environment): Promise<RunningApi> => {
  requireSafe(environment);
  const { postgres, name, api } = environment;
  const log = pino({ name: 'serving', level: 'info' });
  const tools = await openTools(environment, log);
  const { pool, logPool, jobPool, keeper, features, predictions, reads, chains, explainer, jobs, texts } = tools;
  const delay = watchDelay();
  const runner = new JobRunner({ ...jobs, keeper, log, now: Date.now, delayMs: delay.delayMs });
  const app = await buildApp(depsOf(environment, tools, { delay, runner, log }));
  await keeper.start();
  predictions.start();
  runner.start();
  reads.start();
  const stopAnchor = keepAnchor({ chains, log, now: Date.now });
  const silence = hearChanges(postgres, { keeper, features, log });
  const url = await app.listen({ host: api.host, port: api.port, backlog: BACKLOG });
  delay.begin();
  log.info({ url, environment: name, models: tools.models.map((model) => model.name) }, 'The API answers');
  return {
    url,
    routes: app.guarded,
    close: async () => {
      await app.close();
      await runner.stop();
      delay.close();
      await reads.stop();
      await stopAnchor();
      await silence();
      await keeper.stop();
      await explainer.close();
      await predictions.stop();
      texts?.close();
      await Promise.all([pool.end(), logPool.end(), jobPool.end()]);
    },
  };
};

/** What lives as long as the API: connections, the champions in memory, the memory of features, the log of answers. */
const openTools = async (environment: Environment, log: Logger) => {
  const { postgres, schema, artifacts: folder, keys, name } = environment;
  const waits = { statementMs: STATEMENT_MS, answerMs: STATEMENT_MS + 500, connectMs: STATEMENT_MS };
  const pool = openPool(postgres, { max: POOL_SIZE, schema, plannedOnce: true, ...waits });
  // Of their own: what is noted of answers, and scoring in the background, must not wait for requests, nor they for it.
  const logPool = openPool(postgres, { ...waits, max: 1, schema, statementMs: LOG_MS, answerMs: LOG_MS + 500 });
  const jobPool = openPool(postgres, { ...waits, max: 2, schema, statementMs: LOG_MS, answerMs: LOG_MS + 500 });
  const artifacts = new FolderArtifacts(folder);
  const models = servedModels(useCases);
  const explainer = new Explainer();
  const source = registrySource({
    environment: name,
    registry: new PostgresRegistry(pool),
    signatures: new PostgresSignatures(pool),
    keys: new KeyFolder(keys, name),
    artifacts,
    open: (bytes) => openOnnx(bytes, { threads: 1 }),
    explainer,
  });
  const online = new PostgresOnlineStore(pool);
  const { texts, shared } = await openShared(environment, online, log);
  return {
    pool,
    logPool,
    jobPool,
    jobs: { jobs: new PostgresScoreJobs(jobPool), online: new PostgresOnlineStore(jobPool) },
    artifacts,
    models,
    online,
    explainer,
    keeper: new ModelKeeper({ models, source, log, now: Date.now }),
    features: new FeatureCache({ store: shared ?? online, now: Date.now }),
    texts,
    shared,
    predictions: new PredictionLog({ sink: new PostgresPredictionLog(logPool), log }),
    chains: chainsOf(pool, keys, name),
    reads: new ReadLog({ sink: new PostgresAuditReads(logPool), log }),
  };
};

/** The layer that the processes of an environment share, where a Redis is given. */
const openShared = async ({ redis, name }: Environment, store: PostgresOnlineStore, log: Logger) => {
  if (redis === undefined) return {};
  const { host, port } = redis;
  const { RedisTexts } = await import('../adapters/redis/shared-texts.ts');
  const texts = new RedisTexts(redis, (error) =>
    log.warn({ reason: error.message, host, port }, 'Redis does not answer; features are read without it'),
  );
  return { texts, shared: new SharedFeatures({ environment: name, store, texts, now: Date.now }) };
};

type Tools = Awaited<ReturnType<typeof openTools>>;

interface Running {
  readonly delay: DelayWatch;
  readonly runner: JobRunner;
  readonly log: Logger;
}

const depsOf = (environment: Environment, tools: Tools, { delay, runner, log }: Running): AppDeps => {
  const { pool, online, artifacts, models, keeper, features, shared, predictions, reads, chains } = tools;
  const { name, api, telemetry } = environment;
  const traced = telemetry.otlp !== undefined;
  const caches = { cache: () => features.cacheStats(), ...(shared && { shared: () => shared.stats() }) };
  const metrics = apiMetrics({
    environment: name,
    models: () => keeper.states(),
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    ...caches,
    log: () => predictions.counts(),
    reads: () => reads.counts(),
  });
  const folds = useCases.flatMap((useCase) => useCase.folds ?? []);
  return {
    environment: name,
    defaultModel: models[0]?.name ?? '',
    keeper,
    online,
    features,
    caches,
    predictions,
    precomputed: new PostgresPrecomputed(pool),
    jobs: { jobs: tools.jobs.jobs, kick: () => runner.kick() },
    reads,
    records: new PostgresPredictionLog(pool),
    audit: auditDesk(pool, chains, Date.now),
    keys: keyDesk(pool),
    featureStore: postgresFeatureStore(new PostgresFeatureRegistry(pool), online, folds),
    access: accessOf(environment, pool, log),
    ...(api.tls && { tls: readTls(api.tls) }),
    reports: publishedSource(new PostgresPublishedReports(pool), artifacts),
    now: Date.now,
    logger: { level: 'warn', ...(traced && { mixin: traceIds }) },
    metrics,
    inStage: traced ? tracedStages(metrics.inStage) : metrics.inStage,
    traced,
    overload: { delayMs: delay.delayMs, onShed: metrics.shed },
  };
};

/** Every model of the catalogue, under its own name. */
export const servedModels = (catalogue: readonly UseCase[]): readonly ServedModel[] =>
  catalogue.flatMap(({ name: useCase, models }) =>
    models.map(({ name }) => ({ name, registered: `${useCase}/${name}`, useCase })),
  );
