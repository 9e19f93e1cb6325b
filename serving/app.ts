// The HTTP API over what was promoted: predictions, health, models, pages. It starts no work and needs neither Temporal nor MLflow.
import http from 'node:http';
import https from 'node:https';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify';
import { securitySchemes } from './access/gate.ts';
import { type Access, controlAccess } from './access/index.ts';
import { noteReads, type ReadLog } from './access/reads.ts';
import type { FeatureStore } from './feature-store.ts';
import { InFlight } from './in-flight.ts';
import type { ModelKeeper } from './keeper.ts';
import type { ApiMetrics } from './metrics.ts';
import { type Handle, noteExempt, type Overload, shedOverload } from './overload.ts';
import type { OnlineStore, ReportSource } from './ports.ts';
import { problem, problemOf, sendProblem } from './problem.ts';
import { apiKeyRoutes, type KeyDesk } from './routes/api-keys.ts';
import { type AuditDesk, auditRoutes } from './routes/audit.ts';
import { batchRoute } from './routes/batch.ts';
import { explainRoute } from './routes/explain.ts';
import { featureRoutes } from './routes/features.ts';
import { healthRoute } from './routes/health.ts';
import { inferRoutes } from './routes/infer.ts';
import { type JobBoard, jobRoutes } from './routes/jobs.ts';
import { countRequests, metricsRoute } from './routes/metrics.ts';
import { modelsRoute } from './routes/models.ts';
import { pageRoutes } from './routes/pages.ts';
import { predictRoutes } from './routes/predict.ts';
import { type PredictionRecords, predictionsRoute } from './routes/predictions.ts';
import { topRoute } from './routes/top.ts';
import { describeBody, formats } from './schemas.ts';
import type { CacheReadings, FeatureReader } from './scoring/feature-cache.ts';
import type { PrecomputedAnswers } from './scoring/precomputed.ts';
import type { PredictionLog } from './scoring/prediction-log.ts';
import type { InStage } from './stages.ts';
import { answerTogether } from './together.ts';
import { traceRequests } from './tracing.ts';

export interface AppDeps {
  readonly environment: string;
  /** Model that answers where a request names none. */
  readonly defaultModel: string;
  readonly keeper: ModelKeeper;
  readonly online: OnlineStore;
  /** Reads the online store through a memory; without one, each request reads it. */
  readonly features?: FeatureReader;
  /** What the layers before the online store did so far. */
  readonly caches?: CacheReadings;
  /** Answers that scoring made ahead; without them, all are computed. */
  readonly precomputed?: PrecomputedAnswers;
  /** Without one, nothing is scored in the background. */
  readonly jobs?: JobBoard;
  /** Where answers are noted; without one, they are not. */
  readonly predictions?: Pick<PredictionLog, 'add' | 'counts'>;
  /** Where they are looked up again. */
  readonly records?: PredictionRecords;
  /** Where it is noted who asked about whom; without one, it is not. */
  readonly reads?: Pick<ReadLog, 'answered' | 'refused' | 'counts'>;
  /** Without one, the audit is not told here. */
  readonly audit?: AuditDesk;
  /** Without one, keys are the command line's business alone. */
  readonly keys?: KeyDesk;
  /** Without one, features are neither told nor taken. */
  readonly featureStore?: FeatureStore;
  readonly reports: ReportSource;
  readonly access: Access;
  /** PEM; given, it speaks HTTPS alone. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly logger?: FastifyServerOptions['logger'];
  /** Watches the stages of answers. */
  readonly inStage?: InStage;
  readonly metrics?: ApiMetrics;
  /** A span for each request. */
  readonly traced?: boolean;
  /** When to refuse requests for the sake of the others. */
  readonly overload?: Overload;
  /** Milliseconds that an answer may take. */
  readonly answerMs?: number;
}

const BODY_BYTES = 64 * 1024;
/** For a request to arrive whole. */
const REQUEST_MS = 15_000;
/** For the next request of a connection: longer than the minute of most load balancers, so that they close it, not we. */
const KEEP_ALIVE_MS = 72_000;
const ANSWER_MS = 30_000;

/** The app, ready to listen or to be injected into. */
export const buildApp = async (deps: AppDeps): Promise<FastifyInstance> => {
  const inFlight = new InFlight();
  const exempt = new Set<string>();
  const app = Fastify({
    // What is too much is judged before Fastify has spent anything on it.
    serverFactory: (handle) => {
      const handled = { begun: inFlight.count, exempt };
      return serverOf(deps.overload ? shedOverload(handle, handled, deps.overload) : handle, deps.tls);
    },
    // For the address that it tells; the server is ours.
    ...(deps.tls && { https: deps.tls }),
    logger: deps.logger ?? false,
    // A line for each request would cost more than the prediction.
    logController: new LogController({ disableRequestLogging: true }),
    // And so would a logger for each request; where one is told of, its id is told as well.
    childLoggerFactory: (logger) => logger,
    bodyLimit: BODY_BYTES,
    routerOptions: { maxParamLength: 600 },
    // Lists of types are how `jsonSchema` says unions.
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        allowUnionTypes: true,
        formats,
      },
    },
    frameworkErrors: (error, request, reply) => {
      sendProblem(
        reply as Parameters<typeof sendProblem>[0],
        problemOf(error, request as Parameters<typeof problemOf>[1]),
      );
    },
  });
  app.setErrorHandler((error, request, reply) => {
    const { id, url } = request;
    const fault = error instanceof Error ? error : new Error(String(error));
    const body = problemOf(fault as Parameters<typeof problemOf>[0], request);
    if (body.status === 503)
      request.log.warn({ reason: fault.message, request: id, url }, 'A request could not be answered');
    else if (body.status >= 500) request.log.error({ err: fault, request: id, url }, 'A request failed');
    return sendProblem(reply, body);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      problem(404, 'No such address', { field: 'url', value: request.url, mend: 'See /openapi.json' }),
    ),
  );
  if (deps.traced) traceRequests(app, deps.environment);
  inFlight.watch(app, deps.answerMs ?? ANSWER_MS);
  noteExempt(app, exempt);
  if (deps.metrics) countRequests(app, deps.metrics, servedBy(deps));
  answerTogether(app);
  if (deps.reads) noteReads(app, { log: deps.reads, now: deps.now, standardModel: deps.defaultModel });
  await app.register(swagger, { openapi: DESCRIPTION });
  app.addHook('onRoute', describeBody);
  await controlAccess(app, deps.access);
  await app.register(async (routes) => {
    healthRoute(routes, deps);
    modelsRoute(routes, deps);
    predictRoutes(routes, deps);
    if (deps.precomputed) topRoute(routes, deps);
    batchRoute(routes, deps);
    if (deps.records) predictionsRoute(routes, deps.records);
    if (deps.jobs) jobRoutes(routes, deps.jobs, deps);
    explainRoute(routes, deps);
    inferRoutes(routes, deps);
    pageRoutes(routes, deps);
    if (deps.featureStore) featureRoutes(routes, deps.featureStore, deps);
    if (deps.audit) auditRoutes(routes, deps.audit);
    if (deps.keys) apiKeyRoutes(routes, deps.environment, deps.keys);
    if (deps.metrics) metricsRoute(routes, deps.metrics);
    routes.get('/openapi.json', { config: { policy: 'openapi' }, schema: { hide: true } }, () => app.swagger());
  });
  return app;
};

const serverOf = (handle: Handle, tls: AppDeps['tls']): http.Server => {
  const server = tls ? https.createServer(tls, handle) : http.createServer(handle);
  server.requestTimeout = REQUEST_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
};

const servedBy = ({ keeper, defaultModel }: AppDeps) => ({
  models: new Set(keeper.states().map(({ name }) => name)),
  standard: defaultModel,
});

const DESCRIPTION = {
  openapi: '3.1.0',
  components: { securitySchemes },
  info: {
    title: 'Perennial',
    version: '0.1.0',
    description: 'Predictions by entity from the promoted models, and the pages that were published.',
  },
};
