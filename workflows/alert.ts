// One alert on its way to everybody who is to be told: each receiver is tried for a day, and one that is away keeps no other waiting.
import * as wf from '@temporalio/workflow';
import type { createActivities } from '../activities/index.ts';
import type { Alert, AlertOutcome } from '../core/alert.ts';
import { attributes, queues } from './names.ts';

const { alertReceivers, deliverAlert } = wf.proxyActivities<ReturnType<typeof createActivities>>({
  taskQueue: queues.light,
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '20s',
  scheduleToCloseTimeout: '24 hours',
  retry: { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '15 minutes' },
});

export async function alert(given: Alert): Promise<AlertOutcome> {
  const receivers = await alertReceivers.executeWithOptions({ summary: 'who is told' }, [given]);
  const tried = await Promise.all(receivers.map((receiver) => tell(given, receiver)));
  const outcome = {
    delivered: receivers.filter((_, at) => tried[at] === undefined),
    failed: receivers.flatMap((receiver, at) => (tried[at] === undefined ? [] : [`${receiver}: ${tried[at]}`])),
  };
  wf.upsertSearchAttributes([{ key: attributes.outcome, value: outcome.failed.length === 0 ? 'delivered' : 'failed' }]);
  return outcome;
}

/** Why it could not be delivered, if it could not. */
const tell = async (given: Alert, receiver: string): Promise<string | undefined> => {
  try {
    await deliverAlert.executeWithOptions({ summary: receiver }, [{ alert: given, receiver }]);
    return undefined;
  } catch (error) {
    if (wf.isCancellation(error)) throw error;
    // What it was caused by may name people: the sentence made for the reader is enough.
    return error instanceof wf.ActivityFailure && error.cause ? error.cause.message : String(error);
  }
};
