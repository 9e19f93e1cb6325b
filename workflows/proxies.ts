// Activities as workflows call them: where each runs, how long it may take, and what is worth retrying.
import * as wf from '@temporalio/workflow';
import type { createActivities } from '../activities/index.ts';
import { queues } from './names.ts';

type Activities = ReturnType<typeof createActivities>;

/** How long a silent worker counts as alive: the steps it holds are given to another after that. */
export interface Patience {
  readonly lostAfterSeconds?: number;
}

const LOST_AFTER_SECONDS = 20;

/** The first retry follows the sooner, the less patience was asked for; a second at most. */
const retryAfter = (lostAfterSeconds: number): `${number}ms` => `${Math.min(1_000, 50 * lostAfterSeconds)}ms`;

/** Registry and lookup work: seconds. */
export const light = ({ lostAfterSeconds = LOST_AFTER_SECONDS }: Patience) =>
  wf.proxyActivities<Activities>({
    taskQueue: queues.light,
    startToCloseTimeout: '30 minutes',
    heartbeatTimeout: `${lostAfterSeconds}s`,
    retry: { initialInterval: retryAfter(lostAfterSeconds), backoffCoefficient: 2, maximumInterval: '30s' },
  });

/** Work that fills the cores. A retry finds what was committed and goes on from what was kept. */
export const compute = ({ lostAfterSeconds = LOST_AFTER_SECONDS }: Patience) =>
  wf.proxyActivities<Activities>({
    taskQueue: queues.compute,
    startToCloseTimeout: '6 hours',
    heartbeatTimeout: `${lostAfterSeconds}s`,
    retry: {
      initialInterval: retryAfter(lostAfterSeconds),
      backoffCoefficient: 2,
      maximumInterval: '1 minute',
      maximumAttempts: 20,
    },
  });
