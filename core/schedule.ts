// What a schedule says: which workflow starts when, and what happens when it cannot. For the files in environments/schedules, which are
// checked against this, and for whoever brings Temporal's schedules in line with them.
import { z } from 'zod';
import { PerennialError } from './errors.ts';

export const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

/**
 * What becomes of a time that comes while the run before it is still open. Temporal knows two more (cancel or end the other); they are
 * left out, since a run ended by its successor cannot be told from one that failed.
 */
export const overlaps = ['skip', 'buffer-one', 'buffer-all', 'allow-all'] as const;

const isTimeZone = (name: string): boolean => Intl.supportedValuesOf('timeZone').includes(name) || name === 'UTC';

/** A time of day on some days of the week, or a steady beat counted from midnight UTC of 1 January 1970. */
const When = z.union([
  z.strictObject({
    at: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be HH:MM'),
    /** Default: every day. */
    on: z.array(z.enum(weekdays)).min(1).readonly().optional(),
  }),
  z.strictObject({ everySeconds: z.int().min(1) }),
]);

/** Every field is said: what Temporal assumes where nothing is said (a year of catching up) is nobody's intention. */
const Checked = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be kebab-case'),
    /** Why there is such a schedule; shown in the Temporal UI. */
    note: z.string().min(10).max(200),
    workflow: z.string().regex(/^[a-z][A-Za-z]*$/),
    input: z.record(z.string(), z.json()).readonly(),
    when: When,
    timeZone: z.string().refine(isTimeZone, 'is not a time zone that is known here'),
    /** Each start is put off by up to this long, by a hash of its time: not everything starts on the stroke of the hour. */
    jitterSeconds: z.int().min(0).max(86_400),
    overlap: z.enum(overlaps),
    /** How late a start may still be made up for, after an outage. */
    catchUpSeconds: z.int().min(10),
    /** One failed run pauses the schedule until a person looks. */
    pauseOnFailure: z.boolean(),
    /** Made paused, for a person to wake. */
    paused: z.boolean(),
  })
  .refine(
    ({ when, jitterSeconds }) => jitterSeconds < ('everySeconds' in when ? when.everySeconds : 86_400),
    'jitterSeconds must be less than the time between two starts',
  );

export type Schedule = Readonly<z.infer<typeof Checked>>;

/** The schedules of one environment. @throws PerennialError INVALID_INPUT that names the schedule and every problem in it. */
export const parseSchedules = (given: readonly Schedule[]): readonly Schedule[] => {
  const parsed = z.array(Checked).safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: [at, ...where], message }) => {
      const name = given[Number(at)]?.name ?? `number ${String(at)}`;
      return `${name}${where.length === 0 ? '' : `.${where.join('.')}`} ${message}`;
    });
    throw new PerennialError('INVALID_INPUT', problems.join('; '), { mend: 'Mend it in environments/schedules' });
  }
  const names = parsed.data.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return parsed.data;
  throw new PerennialError('INVALID_INPUT', 'Two schedules have one name', { field: 'name', value: twice });
};

/** In words: `02:15 on sunday, Europe/Paris`. */
export const inWords = ({
  when,
  timeZone,
  jitterSeconds,
}: Pick<Schedule, 'when' | 'timeZone' | 'jitterSeconds'>): string => {
  const jitter = jitterSeconds === 0 ? '' : ` + up to ${duration(jitterSeconds)}`;
  if ('everySeconds' in when) return `every ${duration(when.everySeconds)}${jitter}`;
  return `${when.at}${when.on === undefined ? ' daily' : ` on ${when.on.join(', ')}`}, ${timeZone}${jitter}`;
};

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** `90` → `90 s`, `7200` → `2 h`: the largest unit that divides it. */
export const duration = (seconds: number): string => {
  const [size, unit] = UNITS.find(([length]) => seconds % length === 0 && seconds >= length) ?? [1, 's'];
  return `${seconds / size} ${unit}`;
};
