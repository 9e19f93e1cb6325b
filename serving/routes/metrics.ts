// GET /metrics for Prometheus, and the hooks that count every request on its way.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiMetrics } from '../metrics.ts';
import { waitedMs } from '../overload.ts';

export const metricsRoute = (app: FastifyInstance, metrics: ApiMetrics): void => {
  const text = { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } };
  app.get(
    '/metrics',
    {
      config: { policy: 'metrics' },
      schema: { summary: 'Metrics in the text format of Prometheus', response: { 200: text } },
    },
    async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  );
};

const BEGUN = Symbol('begun');

/** When its answer began to be written down. */
interface Formatting extends FastifyRequest {
  [BEGUN]?: number;
}

/** Counts what is answered. `known` says whether a name is a served model: no other becomes a label. */
export const countRequests = (
  app: FastifyInstance,
  metrics: ApiMetrics,
  known: { readonly models: ReadonlySet<string>; readonly standard: string },
): void => {
  app.decorateRequest(BEGUN, undefined);
  app.addHook('preSerialization', (request: Formatting, _reply, payload, done) => {
    request[BEGUN] = performance.now();
    done(null, payload);
  });
  app.addHook('onSend', (request: Formatting, _reply, payload, done) => {
    const since = request[BEGUN];
    const model = since === undefined ? '' : modelOf(request, known);
    if (since !== undefined && model !== '') metrics.formatted(model, (performance.now() - since) / 1_000);
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    metrics.answered({
      method: request.method,
      route: request.routeOptions.url ?? 'none',
      status: reply.statusCode,
      model: modelOf(request, known),
      seconds: (waitedMs(request.raw) + reply.elapsedTime) / 1_000,
    });
    done();
  });
};

const modelOf = (
  { params, body, routeOptions }: FastifyRequest,
  { models, standard }: { readonly models: ReadonlySet<string>; readonly standard: string },
): string => {
  const asked = textAt(params, 'model') ?? textAt(body, 'model');
  if (asked !== undefined) return models.has(asked) ? asked : '';
  return routeOptions.url?.startsWith('/predict') ? standard : '';
};

const textAt = (where: unknown, key: string): string | undefined => {
  if (typeof where !== 'object' || where === null) return undefined;
  const value = (where as Record<string, unknown>)[key];
  return typeof value === 'string' ? value : undefined;
};
