// What a run will make, as plain numbers: how many users arrive each day, how many rows to expect, which days a cut may fall on.
import { z } from 'zod';
import { PerennialError } from '../../../core/errors.ts';
import { eventsPerSession, SESSION, USER_TYPES, type UserType } from './population.ts';
import { arrivalWeight, dateAfter, daysBetween, seasonOdds } from './season.ts';

const share = z.number().min(0).max(0.5).default(0);
const date = z.iso.date();

export const faultOptions = z.strictObject({
  /** Broken rows added, as a share of the good rows. */
  malformed: share,
  /** Exact copies added, as a share of the good rows. */
  duplicates: share,
  /** Good rows written one to three days late, as a share. */
  late: share,
  /** Date from which new users follow another mix of types and prices stand 20 % higher. */
  drift: date.optional(),
});

/** What decides the bytes. */
export const populationOptions = z.strictObject({
  rows: z.int().min(1_000).max(200_000_000),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(42),
  /** First day, YYYY-MM-DD. */
  from: date.default('2019-07-02'),
  days: z.int().min(7).max(730).default(152),
  faults: faultOptions.prefault({}),
});
export type PopulationOptions = z.infer<typeof populationOptions>;

export interface Plan extends PopulationOptions {
  readonly users: number;
  readonly products: number;
  /** Users who appear on each day; they sum to `users`. */
  readonly arrivals: readonly number[];
  /** Expected rows of each day, summing to `rows`. */
  readonly expectedRows: readonly number[];
  /** Offset of the drift date, or `days` where there is none. */
  readonly driftDay: number;
}

/** The chance that an alive user of a type is active on a day: the season multiplies the odds, so that it cancels in the likelihood. */
export const activeChance = (type: UserType, date: string): number => {
  const odds = (type.visit / (1 - type.visit)) * seasonOdds(date);
  return odds / (1 + odds);
};

/** Shares of the types among the users who first appear on a day, in the order of USER_TYPES. */
export const mixOn = (day: number, driftDay: number): number[] =>
  USER_TYPES.map((type) => (day < driftDay ? type.share : type.driftedShare));

/** Plans a run. Users are as many as it takes for the expected rows to be the rows asked for. */
export const planGeneration = (options: PopulationOptions): Plan => {
  const { rows, from, days, faults } = options;
  const driftDay = faults.drift === undefined ? days : clamp(daysBetween(from, faults.drift), 0, days);
  const weights = Array.from({ length: days }, (_, day) => arrivalWeight(dateAfter(from, day), day));
  const expected = rowsPerArrivals(weights, from, driftDay);
  const perWeight = rows / sum(expected);
  const users = Math.max(1, Math.round(perWeight * sum(weights)));
  return {
    ...options,
    users,
    products: clamp(Math.round(rows / 530), 600, 206_000),
    arrivals: wholeShares(weights, users),
    expectedRows: expected.map((value) => value * perWeight),
    driftDay,
  };
};

/** Expected rows of each day when `weights[day]` users arrive: arrivals are active at once, the rest by survival times visit chance. */
const rowsPerArrivals = (weights: readonly number[], from: string, driftDay: number): number[] => {
  const alive = USER_TYPES.map(() => 0);
  return weights.map((weight, day) => {
    const mix = mixOn(day, driftDay);
    return sum(
      USER_TYPES.map((type, k) => {
        const staying = (alive[k] ?? 0) * (1 - type.dropout);
        const arriving = weight * (mix[k] ?? 0);
        alive[k] = staying + arriving;
        const sessions = (arriving + staying * activeChance(type, dateAfter(from, day))) * (1 + SESSION.second);
        return sessions * eventsPerSession(type);
      }),
    );
  });
};

/** Splits a whole number in proportion to weights, exactly. */
const wholeShares = (weights: readonly number[], whole: number): number[] => {
  const total = sum(weights);
  let running = 0;
  return weights.map((weight) => {
    const before = Math.round((running / total) * whole);
    running += weight;
    return Math.round((running / total) * whole) - before;
  });
};

/** Days that are made together, as offsets: `from` inclusive, `past` exclusive. */
export interface Days {
  readonly from: number;
  readonly past: number;
}

export const daysOf = ({ from, past }: Days): number[] => Array.from({ length: past - from }, (_, at) => from + at);

/** Rows of a batch: enough that the planning of its statements hardly counts, few enough for memory. */
const BATCH_ROWS = 300_000;
/** At least so many batches, so that lanes share them fairly. */
const LEAST_BATCHES = 16;

/** All days in batches of equally many. */
export const batches = ({ days, rows }: Plan): Days[] => {
  const length = clamp(Math.floor((BATCH_ROWS * days) / rows), 1, Math.ceil(days / LEAST_BATCHES));
  return Array.from({ length: Math.ceil(days / length) }, (_, at) => ({
    from: at * length,
    past: Math.min(days, (at + 1) * length),
  }));
};

/** The default cut: 30 days before the day after the last, so that its label window just closes. */
export const LABEL_DAYS = 30;
export const defaultCut = (plan: Plan): string => dateAfter(plan.from, plan.days - LABEL_DAYS);

/** A cut as a day offset in 1 … days. */
export const cutDay = (plan: Plan, cut: string): number => {
  const day = daysBetween(plan.from, cut);
  if (day < 1 || day > plan.days)
    throw new PerennialError('INVALID_INPUT', 'The oracle cannot be asked outside the data', {
      field: 'cuts',
      value: cut,
      mend: `Choose a date from ${dateAfter(plan.from, 1)} to ${dateAfter(plan.from, plan.days)}`,
    });
  return day;
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));
