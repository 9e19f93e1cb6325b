// Runs that a schedule started and that did not end well, as Temporal lists them. For the watch over schedules.
import type { Client } from '@temporalio/client';

export interface FailedRun {
  readonly workflowId: string;
  readonly runId: string;
  readonly schedule: string;
  /** In words: `failed`, `timed out`, `was terminated`. */
  readonly status: string;
  /** ISO time. */
  readonly closedAt: string;
}

const WORDS: Readonly<Record<string, string>> = {
  FAILED: 'failed',
  TIMED_OUT: 'timed out',
  TERMINATED: 'was terminated',
};

/** The oldest first. */
export const failedScheduledRuns = async (client: Client, since: Date): Promise<readonly FailedRun[]> => {
  const query = `TemporalScheduledById is not null and CloseTime >= '${since.toISOString()}'
    and ExecutionStatus in ('Failed', 'TimedOut', 'Terminated')`.replace(/\s+/g, ' ');
  const runs: FailedRun[] = [];
  for await (const { workflowId, runId, status, closeTime, searchAttributes } of client.workflow.list({ query })) {
    const [schedule] = searchAttributes.TemporalScheduledById ?? [];
    runs.push({
      workflowId,
      runId,
      schedule: String(schedule),
      status: WORDS[status.name] ?? status.name,
      closedAt: (closeTime ?? since).toISOString(),
    });
  }
  return runs.sort((a, b) => a.closedAt.localeCompare(b.closedAt));
};
