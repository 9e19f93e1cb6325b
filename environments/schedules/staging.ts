// What staging does by itself: the same as prod a little earlier, so that what breaks breaks here first, and its own sweep.
import type { Schedule } from '../../core/schedule.ts';
import { lakeMaintenance, nightlyTransform, predictionCollection, scheduleWatch, weeklyRetraining } from './usual.ts';

/** How long data stays in staging that no champion, no tag and no open run needs. */
const SWEPT_AFTER_DAYS = 14;

export const staging: readonly Schedule[] = [
  { ...nightlyTransform, when: { at: '00:15' } },
  { ...weeklyRetraining, when: { at: '01:15', on: ['saturday'] } },
  lakeMaintenance(SWEPT_AFTER_DAYS),
  scheduleWatch,
  predictionCollection,
  {
    name: 'staging-sweep',
    note: `Staging is temporary: what is older than ${SWEPT_AFTER_DAYS} days and needed by nobody goes.`,
    workflow: 'sweep',
    input: { afterDays: SWEPT_AFTER_DAYS },
    when: { at: '05:30' },
    timeZone: 'UTC',
    jitterSeconds: 600,
    overlap: 'skip',
    catchUpSeconds: 43_200,
    pauseOnFailure: true,
    paused: false,
  },
];
