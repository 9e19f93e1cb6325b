// Alerts: raised by whoever has something to say, seen through to every receiver by a workflow of their own, so that a mail server that is
// away keeps nobody's work waiting.
import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { failedScheduledRuns } from '../adapters/temporal/failed-runs.ts';
import { type Alert, wants } from '../core/alert.ts';
import { PerennialError } from '../core/errors.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';

export interface WatchInput {
  /** How far back to look, in hours; less than Temporal keeps histories. */
  readonly hours?: number;
}

export const createAlertActivities = (deps: Deps) => ({
  /** The names of those who are told of it. */
  alertReceivers: async (alert: Alert): Promise<readonly string[]> => receiversOf(deps, alert),
  deliverAlert: (request: { readonly alert: Alert; readonly receiver: string }): Promise<void> =>
    framed(deps.crash, ({ signal }) => deliverAlert(deps, request, signal)),
  /** Raises an alert for each scheduled run that failed; says how many it found. */
  watchSchedules: (input: WatchInput): Promise<{ failed: number }> =>
    framed(deps.crash, () => watchSchedules(deps, input)),
});

export const receiversOf = ({ notifiers = [] }: Pick<Deps, 'notifiers'>, alert: Alert): readonly string[] =>
  notifiers.filter((notifier) => wants(notifier, alert)).map(({ name }) => name);

export const deliverAlert = async (
  { notifiers = [] }: Pick<Deps, 'notifiers'>,
  { alert, receiver }: { readonly alert: Alert; readonly receiver: string },
  signal: AbortSignal,
): Promise<void> => {
  const notifier = notifiers.find(({ name }) => name === receiver);
  if (notifier) return notifier.deliver(alert, signal);
  throw new PerennialError('UNKNOWN_NAME', 'No such receiver of alerts', { field: 'receiver', value: receiver });
};

/** Starts the delivery once, however often it is raised; does nothing where nobody would be told. */
export const raiseAlert = async (deps: Pick<Deps, 'notifiers'>, alert: Alert): Promise<void> => {
  if (receiversOf(deps, alert).length === 0) return;
  const { client, info } = Context.current();
  try {
    await client.workflow.start('alert', {
      workflowId: `alert/${alert.key}`,
      taskQueue: info.taskQueue,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: alert.title,
      args: [alert],
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
};

const HOURS = 48;

const watchSchedules = async (deps: Deps, { hours = HOURS }: WatchInput): Promise<{ failed: number }> => {
  const { client } = Context.current();
  const since = new Date(Date.now() - hours * 3_600_000);
  const runs = await failedScheduledRuns(client, since);
  for (const { workflowId, runId, schedule, status, closedAt } of runs) {
    await raiseAlert(deps, {
      key: `schedule/${workflowId}/${runId}`,
      environment: deps.settings.name,
      severity: 'critical',
      title: `${schedule} ${status}`,
      text: `The scheduled run ${workflowId} ${status}. Its page in Temporal says at which step and why.`,
      at: closedAt,
      link: `${deps.settings.runPages}/workflows/${encodeURIComponent(workflowId)}/${runId}`,
    });
  }
  return { failed: runs.length };
};
