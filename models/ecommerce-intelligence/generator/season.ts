// The known season: how the day of the week, of the year and the hour of the day move the odds of a session. Dates are UTC days.

const MONDAY_FIRST = [0.95, 0.92, 0.93, 0.96, 1.05, 1.12, 1.07];
const MILLIS_PER_DAY = 86_400_000;

/** The UTC date `offset` days after `from` (YYYY-MM-DD). */
export const dateAfter = (from: string, offset: number): string =>
  new Date(Date.parse(`${from}T00:00:00Z`) + offset * MILLIS_PER_DAY).toISOString().slice(0, 10);

/** Whole days from `from` to `to`, both YYYY-MM-DD. */
export const daysBetween = (from: string, to: string): number =>
  Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / MILLIS_PER_DAY);

/** The factor on the odds of an active day: about 1 on average, higher at weekends, before Christmas and around Black Friday. */
export const seasonOdds = (date: string): number => {
  const day = new Date(`${date}T00:00:00Z`);
  const yearStart = Date.UTC(day.getUTCFullYear(), 0, 1);
  const dayOfYear = (day.getTime() - yearStart) / MILLIS_PER_DAY;
  const week = MONDAY_FIRST[(day.getUTCDay() + 6) % 7] ?? 1;
  const year = 1 + 0.18 * Math.cos((2 * Math.PI * (dayOfYear - 345)) / 365.25);
  return week * year * (nearBlackFriday(day) ? 1.35 : 1);
};

/** From the day before the Friday after November's fourth Thursday to the Monday after it. */
const nearBlackFriday = (day: Date): boolean => {
  const first = new Date(Date.UTC(day.getUTCFullYear(), 10, 1)).getUTCDay();
  const friday = Date.UTC(day.getUTCFullYear(), 10, 1 + ((4 - first + 7) % 7) + 22);
  const away = (day.getTime() - friday) / MILLIS_PER_DAY;
  return away >= -1 && away <= 3;
};

/** Relative traffic of the 24 hours of a day, from midnight UTC. */
const HOURS = [2, 2, 4, 8, 12, 15, 17, 18, 18, 18, 17, 17, 17, 18, 19, 20, 20, 18, 14, 10, 6, 4, 3, 2];

/** The hour of each of 299 equally likely slots: an inverse distribution of the time of day. */
export const hourSlots = (): number[] => HOURS.flatMap((weight, hour) => Array<number>(weight).fill(hour));

/** How many users first appear on each day, relatively: a surge while the log begins, then the season. */
export const arrivalWeight = (date: string, offset: number): number =>
  seasonOdds(date) * (1 + 3 * Math.exp(-offset / 12));
