// Traces of this process to an OpenTelemetry collector over OTLP/HTTP: set up once a process, and nothing at all where none is named.
import { trace } from '@opentelemetry/api';

export interface Traces {
  /** Sends what was not sent yet; a collector that is away is not waited for long. */
  close(): Promise<void>;
}

const EVERY_MS = 1_000;
const TIMEOUT_MS = 3_000;

/** `endpoint`: the collector's base address, as in OTEL_EXPORTER_OTLP_ENDPOINT; undefined: no traces. */
export const startTraces = async (service: string, endpoint: string | undefined): Promise<Traces> => {
  if (endpoint === undefined) return { close: async () => undefined };
  // Loaded here, so that whoever sends no traces begins without them.
  const [{ OTLPTraceExporter }, { Resource }, { BatchSpanProcessor, NodeTracerProvider }] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace-node'),
  ]);
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: TIMEOUT_MS });
  const provider = new NodeTracerProvider({
    resource: new Resource({ 'service.name': service, 'service.namespace': 'perennial' }),
    spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: EVERY_MS })],
  });
  provider.register();
  return { close: () => provider.shutdown() };
};

/** Of the span that is open here, under the names that logs use; empty where there is none. */
export const traceIds = (): { readonly trace_id?: string; readonly span_id?: string } => {
  const context = trace.getActiveSpan()?.spanContext();
  return context === undefined ? {} : { trace_id: context.traceId, span_id: context.spanId };
};
