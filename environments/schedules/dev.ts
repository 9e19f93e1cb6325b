// What dev does by itself: nothing, until a person wakes a schedule (`perennial schedules unpause <name>`): it is a laptop, often.
import type { Schedule } from '../../core/schedule.ts';
import { lakeMaintenance, nightlyTransform, predictionCollection, scheduleWatch, weeklyRetraining } from './usual.ts';

export const dev: readonly Schedule[] = [
  { ...nightlyTransform, paused: true },
  { ...weeklyRetraining, paused: true },
  { ...lakeMaintenance(7), paused: true },
  { ...scheduleWatch, paused: true },
  { ...predictionCollection, paused: true },
];
