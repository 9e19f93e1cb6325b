// The steering that makes the row count exact: a day's views beyond each session's first are scaled, to the row.
import { below } from './draws.ts';
import type { Plan } from './plan.ts';
import { SESSION } from './population.ts';

/**
 * How many views to add (or take) over all sessions of a day so that the whole run ends on its row count: the rows still wanted are shared
 * between today and the days to come in proportion to what they would give unsteered. Views tell nothing about a user's type.
 */
export const viewsToAdd = (plan: Plan, day: number, written: number, today: number): number => {
  const rest = plan.expectedRows.slice(day + 1).reduce((sum, rows) => sum + rows, 0);
  if (today === 0) return 0;
  return Math.round(((plan.rows - written) * today) / (today + rest)) - today;
};

/** What a day's sessions give, unsteered and steered. `spare` and `wanted` count the views beyond each session's first. */
export interface DaySums {
  readonly day: number;
  readonly rows: number;
  readonly spare: number;
}
export interface SteeredDay extends DaySums {
  readonly wanted: number;
  /** `spare` of the batch's days before it. */
  readonly before: number;
}

/** Decides a day's rows from those written before it; `rows` of the result is what will come out. */
export const steerDay = (plan: Plan, written: number, before: number, { day, rows, spare }: DaySums): SteeredDay => {
  const wanted = spare === 0 ? 0 : Math.max(0, spare + viewsToAdd(plan, day, written, rows));
  return { day, spare, wanted, before, rows: rows - spare + wanted };
};

/**
 * The sessions of a steered day, with their events and start (seconds after midnight): the views beyond each session's first are scaled so
 * that `wanted` come out, to the row, as whole shares of the running sum.
 */
export const steeredSql = ({ day, spare, wanted, before }: SteeredDay): string => {
  const share = (sum: string): string => `((${sum} - ${before})::bigint * ${wanted}) // ${Math.max(1, spare)}`;
  return `select *, least(clock, 86399 - events * gap) as start
    from (
      select *, views + carts + purchases + removals as events
      from (
        select * replace ((1 + ${share('through')} - ${share('through - views + 1')})::integer as views),
          ${SESSION.leastGap} + ${below(SESSION.gapSpread, 'key', 'gap')} as gap
        from day_sessions where day = ${day}))`;
};
