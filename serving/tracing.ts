// A span for each request, which goes on the trace that its caller began, and one below it for each stage of the answer.
import { context, propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { afterwards, type InStage } from './stages.ts';

const tracer = () => trace.getTracer('perennial/serving');

/** Opens a span for every request, and keeps it open around its handler. */
export const traceRequests = (app: FastifyInstance, environment: string): void => {
  const spans = new WeakMap<FastifyRequest, Span>();
  app.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const attributes = {
      'http.request.method': request.method,
      'http.route': route,
      'perennial.environment': environment,
    };
    const caller = propagation.extract(ROOT_CONTEXT, request.headers);
    spans.set(request, tracer().startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }, caller));
    done();
  });
  // Not earlier: the parsing of a body forgets whose it is.
  app.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) context.with(trace.setSpan(context.active(), span), done);
    else done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });
};

/** Each stage as a span below whichever is open. */
export const tracedStages =
  (next: InStage): InStage =>
  (stage, model, work) => {
    const span = tracer().startSpan(stage, { attributes: { 'perennial.model': model } });
    const inSpan = () => context.with(trace.setSpan(context.active(), span), work);
    return next(stage, model, () =>
      afterwards(inSpan, (error) => {
        if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      }),
    );
  };
