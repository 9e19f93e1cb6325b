// A real receiver of OTLP over HTTP on this machine: keeps the spans that processes send it.
import { z } from 'zod';
import { type Listener, startListener } from './listener.ts';

const spanSchema = z.looseObject({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  attributes: z.array(z.looseObject({ key: z.string(), value: z.record(z.string(), z.unknown()) })).default([]),
  status: z.looseObject({ code: z.number().optional() }).optional(),
});
const payloadSchema = z.looseObject({
  resourceSpans: z.array(z.looseObject({ scopeSpans: z.array(z.looseObject({ spans: z.array(spanSchema) })) })),
});

export type ReceivedSpan = z.infer<typeof spanSchema>;

export interface Collector extends Listener {
  readonly spans: ReceivedSpan[];
}

export const startCollector = async (): Promise<Collector> => {
  const spans: ReceivedSpan[] = [];
  const listener = await startListener((request, body, response) => {
    if (request.url !== '/v1/traces') return void response.writeHead(404).end();
    const { resourceSpans } = payloadSchema.parse(JSON.parse(body));
    spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  return { ...listener, spans };
};
