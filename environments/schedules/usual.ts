// What every environment does by itself, for dev.ts, staging.ts and prod.ts to take over or to change.
import type { Schedule } from '../../core/schedule.ts';

const HOUR = 3_600;

/** A night that fails does not stop the next: the work is found again where it ended. */
export const nightlyTransform: Schedule = {
  name: 'nightly-transform',
  note: 'Brings every table and score up to date with what was ingested. Trains nothing: the champion scores.',
  workflow: 'refresh',
  input: { train: false },
  when: { at: '02:15' },
  timeZone: 'UTC',
  jitterSeconds: 900,
  overlap: 'skip',
  catchUpSeconds: 6 * HOUR,
  pauseOnFailure: false,
  paused: false,
};

/** A week that fails is looked at by a person before hours of training are spent again. */
export const weeklyRetraining: Schedule = {
  name: 'weekly-retraining',
  note: 'Trains, judges and registers every model of every use case on what the lake holds.',
  workflow: 'refresh',
  input: {},
  when: { at: '03:15', on: ['sunday'] },
  timeZone: 'UTC',
  jitterSeconds: 900,
  overlap: 'skip',
  catchUpSeconds: 24 * HOUR,
  pauseOnFailure: true,
  paused: false,
};

/** What the API answered meets monitoring and late labels in the lake; what was missed waits in Postgres. */
export const predictionCollection: Schedule = {
  name: 'prediction-collection',
  note: 'Moves the log of predictions from Postgres to the lake table serving.predictions.',
  workflow: 'collectPredictions',
  input: {},
  when: { everySeconds: HOUR },
  timeZone: 'UTC',
  jitterSeconds: 300,
  overlap: 'skip',
  catchUpSeconds: HOUR,
  pauseOnFailure: false,
  paused: false,
};

/** After the night's other work, so that it merges what they wrote. */
export const lakeMaintenance = (expireAfterDays: number): Schedule => ({
  name: 'lake-maintenance',
  note: 'Merges small files, expires old snapshots that nothing needs, removes files that no snapshot knows.',
  workflow: 'maintain',
  input: { expireAfterDays },
  when: { at: '04:45' },
  timeZone: 'UTC',
  jitterSeconds: 900,
  overlap: 'skip',
  catchUpSeconds: 12 * HOUR,
  pauseOnFailure: true,
  paused: false,
});

/** So often that nobody waits long for bad news, and so briefly that nobody notices. */
export const scheduleWatch: Schedule = {
  name: 'schedule-watch',
  note: 'Tells the receivers of alerts which scheduled runs failed since; each once.',
  workflow: 'watch',
  input: {},
  when: { everySeconds: 300 },
  timeZone: 'UTC',
  jitterSeconds: 30,
  overlap: 'skip',
  catchUpSeconds: 60,
  pauseOnFailure: false,
  paused: false,
};
