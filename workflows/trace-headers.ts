// Hands on the header that a trace travels by, from whoever started a workflow to its activities and children. Bundled with the workflows;
// it holds no library and makes no command, so that histories from before it replay.
import type { Headers, WorkflowInterceptors } from '@temporalio/workflow';

/** As `@temporalio/interceptors-opentelemetry` calls it. */
const HEADER = '_tracer-data';

export const interceptors = (): WorkflowInterceptors => {
  let carried: Headers = {};
  const withTrace = <Input extends { readonly headers: Headers }>(input: Input): Input => ({
    ...input,
    headers: { ...carried, ...input.headers },
  });
  return {
    inbound: [
      {
        execute: (input, next) => {
          const header = input.headers[HEADER];
          carried = header === undefined ? {} : { [HEADER]: header };
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(withTrace(input)),
        startChildWorkflowExecution: (input, next) => next(withTrace(input)),
        continueAsNew: (input, next) => next(withTrace(input)),
      },
    ],
  };
};
