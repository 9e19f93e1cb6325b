// Which rows of an incremental table new files touch: the ledger knows the days, the fact table knows who acted on them.
import type { Commit, Pin } from '../core/commit.ts';
import type { Plan, PlannedTable } from '../core/plan.ts';
import { identifier } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import type { OpenLake } from './lake-session.ts';

export interface Touched {
  readonly by: string;
  readonly count: number;
  /** Rows of the table to be replaced. */
  readonly predicate: string;
  /** Conditions that cut each input down to what matters. */
  readonly filters: Readonly<Record<string, string>>;
}

/** Above this share of the values a full rebuild is cheaper than rows deleted one by one. */
const FULL_REBUILD_ABOVE = 0.5;
export const FACTS: TableName = 'silver.events';

/** What to recompute, or undefined where the table has to be built whole. */
export const touchedSince = async (
  lake: OpenLake,
  plan: Plan,
  table: PlannedTable,
  pins: readonly Pin[],
  head: Commit | undefined,
  recipe: string,
): Promise<Touched | undefined> => {
  const { incremental } = table;
  const before = head?.extra.ledger;
  const now = pins.find((pin) => pin.table === 'bronze.files')?.snapshot;
  if (!incremental || head?.extra.recipe !== recipe || typeof before !== 'number' || now === undefined)
    return undefined;
  await lake.db.run(`create or replace table memory.main.touched_days as ${daysTouched(before, now)}`);
  const values =
    incremental.by === 'event_date'
      ? `select day as value from memory.main.touched_days`
      : actorsTouched(incremental.by, pins, head);
  if (values === undefined) return undefined;
  await lake.db.run(
    `create or replace table memory.main.touched as select distinct value from (${values}) where value is not null`,
  );
  const count = await lake.db.number('select count(*) from memory.main.touched');
  const all = await lake.db.number(`select count(distinct ${identifier(incremental.by)}) from lake.${table.name}`);
  if (count > all * FULL_REBUILD_ABOVE) return undefined;
  const predicate = (column: string) => `${column} in (select value from memory.main.touched)`;
  return {
    by: incremental.by,
    count,
    predicate: predicate(identifier(incremental.by)),
    filters: Object.fromEntries(
      incremental.from.map((input) => [input, predicate(columnIn(plan, input, incremental.by))]),
    ),
  };
};

/** Days of files that are in one state of the ledger and not in the other. */
const daysTouched = (before: number, now: number): string => `
  select distinct unnest(days) as day from (
    (select file_id, version, status, days from lake.bronze.files at (version => ${now})
     except select file_id, version, status, days from lake.bronze.files at (version => ${before}))
    union all
    (select file_id, version, status, days from lake.bronze.files at (version => ${before})
     except select file_id, version, status, days from lake.bronze.files at (version => ${now})))`;

/** Whoever acted on a touched day, then or now. */
const actorsTouched = (by: string, pins: readonly Pin[], head: Commit): string | undefined => {
  const now = pins.find((pin) => pin.table === FACTS)?.snapshot;
  if (now === undefined) return undefined;
  const on = (snapshot: number) =>
    `select ${identifier(by)} as value from lake.${FACTS} at (version => ${snapshot}) where event_date in (select day from memory.main.touched_days)`;
  return `${on(now)} union all ${on(head.snapshot)}`;
};

/** Bronze rows carry a time, not a date. */
const columnIn = (plan: Plan, input: TableName, by: string): string => {
  const time = plan.eventTimes[input];
  return by === 'event_date' && time !== undefined ? `${identifier(time)}::date` : identifier(by);
};
