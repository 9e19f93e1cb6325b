// What a worker tells Prometheus: Temporal's own metrics (latencies, slots, pollers, failures by activity type; the namespace is the
// environment) and what became of each activity in the product's terms.
import { ApplicationFailure, type Context } from '@temporalio/activity';
import type { ActivityInterceptors, RuntimeOptions } from '@temporalio/worker';

/** For Runtime.install; `port` undefined: nothing is told. On this host alone, since nobody is asked who he is. */
export const workerTelemetry = (port: number | undefined): Pick<RuntimeOptions, 'telemetryOptions'> =>
  port === undefined
    ? {}
    : {
        telemetryOptions: {
          metrics: { prometheus: { bindAddress: `127.0.0.1:${port}`, useSecondsForDurations: true } },
        },
      };

type Counting = Pick<Context, 'info' | 'metricMeter'>;

/** Counts activities by type and outcome: `completed`, the code of the error, or `failed`. */
export const activityOutcomes = ({ info, metricMeter }: Counting): ActivityInterceptors => {
  const count = (outcome: string) =>
    metricMeter
      .createCounter('perennial_activity_outcomes', '1', 'Activities by what became of them')
      .add(1, { outcome, attempt: info.attempt > 1 ? 'retry' : 'first' });
  return {
    inbound: {
      async execute(input, next) {
        try {
          const result = await next(input);
          count('completed');
          return result;
        } catch (error) {
          count(error instanceof ApplicationFailure && error.type ? error.type : 'failed');
          throw error;
        }
      },
    },
  };
};
