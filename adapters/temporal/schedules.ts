// Brings Temporal's schedules in line with the files: what is missing is made, what differs is changed, ours that no file names go. A
// person's pause is kept, and so are schedules of others. For the worker at its start and for the command line.
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleHandle,
  ScheduleNotFoundError,
  type ScheduleOptions,
} from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { canonicalJson } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { type Schedule, weekdays } from '../../core/schedule.ts';
import { type Described, readSchedule } from './schedule-reading.ts';

export interface Reconciled {
  readonly created: readonly string[];
  /** `name: the fields that differed`. */
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
  readonly deleted: readonly string[];
}

export interface Placement {
  readonly taskQueue: string;
  /** New schedules are made paused, whatever their file says. */
  readonly paused?: boolean;
}

/** Set when a schedule is made; without it, a schedule is somebody else's and is left alone. */
export const MARK = { perennial: 'schedule' } as const;
const PREFIX = 'perennial/';
const trigger = defineSearchAttributeKey('PerennialTrigger', SearchAttributeType.KEYWORD);

export const scheduleIdOf = (name: string): string => `${PREFIX}${name}`;
/** The runs of a schedule are called so, with the time they stand for behind it. */
export const workflowIdOf = (name: string): string => `schedule/${name}`;

/** Idempotent; of two workers that start at once, both come to the same. @throws PerennialError CONFLICT for a stranger's schedule of our name. */
export const reconcileSchedules = async (
  client: Client,
  wanted: readonly Schedule[],
  placement: Placement,
): Promise<Reconciled> => {
  const done = { created: [] as string[], updated: [] as string[], unchanged: [] as string[] };
  for (const schedule of wanted) {
    const outcome = await bring(client, schedule, placement);
    if (outcome === 'created') done.created.push(schedule.name);
    else if (outcome.length === 0) done.unchanged.push(schedule.name);
    else done.updated.push(`${schedule.name}: ${outcome.join(', ')}`);
  }
  return { ...done, deleted: await removeOthers(client, wanted) };
};

/** Names of ours that no file names. */
export const namesBeyond = async (client: Client, wanted: readonly Schedule[]): Promise<string[]> => {
  const known = new Set(wanted.map(({ name }) => scheduleIdOf(name)));
  const names: string[] = [];
  for await (const { scheduleId, memo } of client.schedule.list()) {
    const ours = scheduleId.startsWith(PREFIX) && memo?.perennial === MARK.perennial;
    if (ours && !known.has(scheduleId)) names.push(scheduleId.slice(PREFIX.length));
  }
  return names.sort();
};

/** The schedule as Temporal has it; undefined where there is none. @throws PerennialError CONFLICT for a stranger's. */
export const findSchedule = async (client: Client, name: string): Promise<Described | undefined> => {
  const found = await unlessMissing(client.schedule.getHandle(scheduleIdOf(name)).describe());
  if (found === undefined || found.memo?.perennial === MARK.perennial) return found;
  throw new PerennialError('CONFLICT', 'A schedule of this name exists and is not ours', {
    field: 'scheduleId',
    value: found.scheduleId,
    mend: 'Delete or rename it in Temporal, or rename ours in environments/schedules.',
  });
};

/** The fields in which a schedule differs from its file. */
export const driftOf = (found: Described, schedule: Schedule, { taskQueue }: Placement): string[] => {
  const [is, ought] = [readSchedule(found), oughtOf(schedule, taskQueue)];
  return Object.keys(ought).filter((field) => canonicalJson(is[field]) !== canonicalJson(ought[field]));
};

/** @throws PerennialError UNKNOWN_NAME where Temporal has no such schedule. */
export const handleOf = async (client: Client, name: string): Promise<ScheduleHandle> => {
  if ((await findSchedule(client, name)) !== undefined) return client.schedule.getHandle(scheduleIdOf(name));
  throw new PerennialError('UNKNOWN_NAME', 'no such schedule', {
    field: 'schedule',
    value: name,
    mend: '`perennial schedules` lists them.',
  });
};

const bring = async (client: Client, schedule: Schedule, placement: Placement): Promise<'created' | string[]> => {
  const found = await findSchedule(client, schedule.name);
  if (found === undefined) return create(client, schedule, placement);
  const drift = driftOf(found, schedule, placement);
  if (drift.length > 0) await update(client, schedule, placement);
  return drift;
};

const create = async (client: Client, schedule: Schedule, placement: Placement): Promise<'created' | string[]> => {
  const state = { paused: schedule.paused || placement.paused === true, note: schedule.note };
  try {
    await client.schedule.create({
      scheduleId: scheduleIdOf(schedule.name),
      memo: MARK,
      ...body(schedule, placement),
      state,
    });
    return 'created';
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    // Another worker was faster.
    return bring(client, schedule, placement);
  }
};

const update = (client: Client, schedule: Schedule, placement: Placement): Promise<void> =>
  client.schedule.getHandle(scheduleIdOf(schedule.name)).update(({ state: { paused, note } }) => ({
    ...body(schedule, placement),
    // Who paused it said why.
    state: { paused, note: paused ? (note ?? '') : schedule.note },
  }));

const body = (schedule: Schedule, { taskQueue }: Placement) => {
  const { name, workflow, input, timeZone, jitterSeconds, overlap, catchUpSeconds, pauseOnFailure, note } = schedule;
  return {
    spec: { ...specOf(schedule), timezone: timeZone, jitter: jitterSeconds * 1_000 },
    policies: { overlap: OVERLAP[overlap], catchupWindow: catchUpSeconds * 1_000, pauseOnFailure },
    action: {
      type: 'startWorkflow',
      workflowType: workflow,
      workflowId: workflowIdOf(name),
      taskQueue,
      args: [input],
      staticSummary: name,
      staticDetails: note,
      typedSearchAttributes: [{ key: trigger, value: 'schedule' }],
    },
  } as const satisfies Partial<ScheduleOptions>;
};

const OVERLAP = {
  skip: 'SKIP',
  'buffer-one': 'BUFFER_ONE',
  'buffer-all': 'BUFFER_ALL',
  'allow-all': 'ALLOW_ALL',
} as const satisfies Record<Schedule['overlap'], string>;

const specOf = ({ when }: Schedule) => {
  if ('everySeconds' in when) return { intervals: [{ every: when.everySeconds * 1_000 }] };
  const [hour, minute] = when.at.split(':').map(Number);
  const days = when.on?.map((day) => day.toUpperCase() as Uppercase<typeof day>);
  return { calendars: [{ hour: hour ?? 0, minute: minute ?? 0, ...(days === undefined ? {} : { dayOfWeek: days }) }] };
};

/** The fields that are compared, as `readSchedule` reads them. What a person may change by the way (paused, its note) is not among them. */
const oughtOf = (schedule: Schedule, taskQueue: string): Record<string, unknown> => {
  const { name, workflow, input, when, timeZone, jitterSeconds, overlap, catchUpSeconds, pauseOnFailure } = schedule;
  const on = 'at' in when ? weekdays.filter((day) => (when.on ?? weekdays).includes(day)) : [];
  return {
    when: 'at' in when ? { at: when.at, on } : when,
    timeZone,
    jitterSeconds,
    overlap,
    catchUpSeconds,
    pauseOnFailure,
    workflow,
    input,
    workflowId: workflowIdOf(name),
    taskQueue,
  };
};

const removeOthers = async (client: Client, wanted: readonly Schedule[]): Promise<string[]> => {
  const names = await namesBeyond(client, wanted);
  for (const name of names) await unlessMissing(client.schedule.getHandle(scheduleIdOf(name)).delete());
  return names;
};

/** Undefined where it does not exist (any more). */
const unlessMissing = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: unknown) => {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  });
