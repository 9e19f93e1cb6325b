// A schedule as Temporal describes it, read back into the words of our files, so that the two can be compared field by field.
import type { ScheduleDescription } from '@temporalio/client';
import { type Schedule, weekdays } from '../../core/schedule.ts';

export type Described = ScheduleDescription;

/** The fields of a file, and what else its action says. A spec that no file could ask for is shown as it is. */
export const readSchedule = ({ spec, policies, action }: Described): Record<string, unknown> => ({
  when: readWhen(spec),
  timeZone: spec.timezone ?? 'UTC',
  jitterSeconds: (spec.jitter ?? 0) / 1_000,
  overlap: (policies.overlap ?? 'SKIP').toLowerCase().replace('_', '-'),
  catchUpSeconds: policies.catchupWindow / 1_000,
  pauseOnFailure: policies.pauseOnFailure,
  workflow: action.workflowType,
  input: action.args?.[0],
  workflowId: action.workflowId,
  taskQueue: action.taskQueue,
});

const readWhen = (spec: Described['spec']): unknown => {
  const { calendars = [], intervals = [], skip = [], startAt, endAt } = spec;
  const [interval, calendar] = [intervals[0], calendars[0]];
  const simple = calendars.length + intervals.length === 1 && skip.length === 0 && !startAt && !endAt;
  if (simple && interval && !interval.offset) return { everySeconds: interval.every / 1_000 };
  const at = simple && calendar ? timeOfDay(calendar) : undefined;
  if (at === undefined || calendar === undefined) return { calendars, intervals, skip, startAt, endAt };
  return { at, on: daysOf(calendar) };
};

type Calendar = NonNullable<Described['spec']['calendars']>[number];

/** `HH:MM`, where the calendar says one time of the day and no more about the date than its weekday. */
const timeOfDay = ({ second, minute, hour, dayOfMonth, month, year }: Calendar): string | undefined => {
  const everyDay = dayOfMonth.length === 1 && dayOfMonth[0]?.start === 1 && dayOfMonth[0].end === 31;
  const everyMonth = month.length === 1 && month[0]?.start === 'JANUARY' && month[0].end === 'DECEMBER';
  const [s, m, h] = [single(second), single(minute), single(hour)];
  if (s !== 0 || m === undefined || h === undefined || !everyDay || !everyMonth || year.length > 0) return undefined;
  return `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`;
};

const single = (ranges: readonly { start: number; end: number }[]): number | undefined => {
  const [range] = ranges;
  return ranges.length === 1 && range !== undefined && range.start === range.end ? range.start : undefined;
};

const daysOf = ({ dayOfWeek }: Calendar): Schedule['name'][] => {
  const at = (day: string): number => weekdays.indexOf(day.toLowerCase() as (typeof weekdays)[number]);
  return weekdays.filter((_, day) => dayOfWeek.some(({ start, end }) => at(start) <= day && day <= at(end)));
};
