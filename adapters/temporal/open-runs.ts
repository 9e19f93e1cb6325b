// The open run that began first: whatever it has pinned in the lake must stay readable. For the lake's upkeep.
import type { Client } from '@temporalio/client';

export interface OpenRun {
  readonly workflowId: string;
  readonly startedAt: number;
}

/**
 * Besides the upkeep itself. The list lags behind by moments; a run that it does not name yet is so young that what it pinned has not
 * begun to be old.
 */
export const oldestOpenRun = async (client: Client, besides: readonly string[]): Promise<OpenRun | undefined> => {
  const others = besides.map((type) => `'${type}'`).join(', ');
  const query = `ExecutionStatus = 'Running' and WorkflowType not in (${others})`;
  let oldest: OpenRun | undefined;
  for await (const { workflowId, startTime } of client.workflow.list({ query })) {
    const startedAt = startTime.getTime();
    if (oldest === undefined || startedAt < oldest.startedAt) oldest = { workflowId, startedAt };
  }
  return oldest;
};
