// A workflow that does nothing, many times over: for the bench of a step's cost.
import { proxyActivities } from '@temporalio/workflow';

const { nothing } = proxyActivities<{ nothing(): Promise<void> }>({ startToCloseTimeout: '10s' });

export async function empty({ steps }: { steps: number }): Promise<void> {
  for (let i = 0; i < steps; i += 1) await nothing();
}
