// Traces through workers: whoever starts a workflow begins a trace, workflows hand its header on (workflows/trace-headers.ts), and every
// activity is a span of it. Spans of workflows themselves are left out: the library for them would stay in every cached workflow.
import { OpenTelemetryWorkflowClientInterceptor } from '@temporalio/interceptors-opentelemetry/lib/client/index.js';
import {
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryActivityOutboundInterceptor,
} from '@temporalio/interceptors-opentelemetry/lib/worker/index.js';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Environment } from '../environments/environment.ts';

type Traced = Pick<Environment, 'telemetry'>;

/** For a worker. */
export const activityTraces = ({ telemetry }: Traced): ActivityInterceptorsFactory[] =>
  telemetry.otlp === undefined
    ? []
    : [
        (context) => ({
          inbound: new OpenTelemetryActivityInboundInterceptor(context),
          outbound: new OpenTelemetryActivityOutboundInterceptor(context),
        }),
      ];

/** For a client that starts workflows. */
export const clientTraces = ({ telemetry }: Traced): OpenTelemetryWorkflowClientInterceptor[] =>
  telemetry.otlp === undefined ? [] : [new OpenTelemetryWorkflowClientInterceptor()];
