// The HTTP API over what was promoted: predictions, health, models, pages. It starts no work and needs neither Temporal nor MLflow.
import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify';
import type { ModelKeeper } from './keeper.ts';
import type { OnlineStore, ReportSource } from './ports.ts';
import { problem, problemOf, sendProblem } from './problem.ts';
import { healthRoute } from './routes/health.ts';
import { modelsRoute } from './routes/models.ts';
import { pageRoutes } from './routes/pages.ts';
import { predictRoutes } from './routes/predict.ts';

export interface AppDeps {
  readonly environment: string;
  /** Model that answers where a request names none. */
  readonly defaultModel: string;
  readonly keeper: ModelKeeper;
  readonly online: OnlineStore;
  readonly reports: ReportSource;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly logger?: FastifyServerOptions['logger'];
}

const BODY_BYTES = 64 * 1024;

/** The app, ready to listen or to be injected into. */
export const buildApp = async (deps: AppDeps): Promise<FastifyInstance> => {
  const app = Fastify({
    logger: deps.logger ?? false,
    // A line for each request would cost more than the prediction.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES,
    routerOptions: { maxParamLength: 600 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
    frameworkErrors: (error, request, reply) => {
      sendProblem(
        reply as Parameters<typeof sendProblem>[0],
        problemOf(error, request as Parameters<typeof problemOf>[1]),
      );
    },
  });
  app.setErrorHandler((error, request, reply) => {
    const fault = error instanceof Error ? error : new Error(String(error));
    const body = problemOf(fault as Parameters<typeof problemOf>[0], request);
    if (body.status === 503)
      request.log.warn({ reason: fault.message, url: request.url }, 'A request could not be answered');
    else if (body.status >= 500) request.log.error({ err: fault, url: request.url }, 'A request failed');
    return sendProblem(reply, body);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      problem(404, 'No such address', { field: 'url', value: request.url, mend: 'See /openapi.json' }),
    ),
  );
  await app.register(swagger, { openapi: DESCRIPTION });
  await app.register(async (routes) => {
    healthRoute(routes, deps);
    modelsRoute(routes, deps);
    predictRoutes(routes, deps);
    pageRoutes(routes, deps);
    routes.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  });
  return app;
};

const DESCRIPTION = {
  openapi: '3.1.0',
  info: {
    title: 'Perennial',
    version: '0.1.0',
    description: 'Predictions by entity from the promoted models, and the pages that were published.',
  },
};
