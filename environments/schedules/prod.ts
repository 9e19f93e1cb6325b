// What prod does by itself.
import type { Schedule } from '../../core/schedule.ts';
import { lakeMaintenance, nightlyTransform, predictionCollection, scheduleWatch, weeklyRetraining } from './usual.ts';

/** A quarter of time travel; what registered versions and tags were made from stays for good. */
const HISTORY_DAYS = 90;

export const prod: readonly Schedule[] = [
  nightlyTransform,
  weeklyRetraining,
  lakeMaintenance(HISTORY_DAYS),
  predictionCollection,
  scheduleWatch,
];
