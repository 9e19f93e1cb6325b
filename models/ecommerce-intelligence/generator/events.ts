// SQL for the visible part: a day's sessions unrolled into events and marketing touches, and the steering that makes the row count exact.
import { SKEW } from './catalogue.ts';
import { salt, uniform, word } from './draws.ts';
import type { Plan } from './plan.ts';
import { CHANNELS, IDLE_TOUCHES } from './population.ts';
import { dateAfter } from './season.ts';
import { FIRST_USER_ID } from './sessions.ts';

/** Events of the columns a file has, in order. */
export const EVENT_COLUMNS = [
  'event_time',
  'event_type',
  'product_id',
  'category_id',
  'category_code',
  'brand',
  'price',
  'user_id',
  'user_session',
] as const;

/**
 * How many views to add (or take) over all sessions of a day so that the whole run ends on its row count: the rows still wanted are shared
 * between today and the days to come in proportion to what they would give unsteered. Views tell nothing about a user's type.
 */
export const viewsToAdd = (plan: Plan, day: number, written: number, today: number): number => {
  const rest = plan.expectedRows.slice(day + 1).reduce((sum, rows) => sum + rows, 0);
  if (today === 0) return 0;
  return Math.round(((plan.rows - written) * today) / (today + rest)) - today;
};

/**
 * Scales the views of `day_sessions` beyond each session's first so that `added` more (or fewer) come out in all, to the row: whole shares
 * of a running sum over the sessions' 64-bit keys. Fills `steered`, with each session's events and start (seconds after midnight).
 */
export const steerSql = (added: number): string => `create or replace table steered as
    with running as (
      select *, (sum(views - 1) over (order by key))::bigint as through,
        (select sum(views - 1)::bigint from day_sessions) as spare
      from day_sessions
    ), scaled as (
      select * exclude (through, spare) replace (
        (1 + (through * wanted) // spare - ((through - views + 1) * wanted) // spare)::integer as views)
      from (select *, greatest(0, spare + (${added})) as wanted from running)
    ), counted as (
      select * exclude (wanted), views + carts + purchases + removals as events from scaled
    )
    select *, least(clock, 86399 - events * gap) as start from counted`;

/** The day's events, unsorted: `at` (TIMESTAMP) and the file's columns after it; (at, user_id) is unique. */
export const eventsSql = (plan: Plan, day: number): string => {
  const midnight = `timestamp '${dateAfter(plan.from, day)} 00:00:00'`;
  const rank = `pow((h >> 32)::double / 4294967296.0, ${SKEW})`;
  return `select ${midnight} + to_seconds(start + i * gap + (h & 31)::integer) as event_time, event_type,
      p.product_id, p.category_id, p.category_code, p.brand, p.price, user_id, session_id as user_session, h
    from (
      select *, case when i < views then 'view' when i < views + carts then 'cart'
          when i < views + carts + removals then 'remove_from_cart' else 'purchase' end as event_type,
        case when i < views - 1 then (pool + (case when (h >> 8) % 5 < 2 then size else 0 end) + floor(size * ${rank}))::integer
          when (i = views + 1 and carts = 2) or (i = events - 1 and purchases = 2) then second_item else focus end as item
      from (select *, hash(xor(key, hash(i))) as h from (select *, unnest(range(events)) as i from steered))
    ) join price_list p using (item)`;
};

/** The day's marketing touches: one in the hour before each touched session, and idle ones to users without a session that day. */
export const touchpointsSql = (plan: Plan, day: number): string => {
  const date = dateAfter(plan.from, day);
  const names = `[${CHANNELS.map((c) => `'${c.name}'`).join(', ')}]`;
  const born = plan.arrivals.slice(0, day + 1).reduce((sum, count) => sum + count, 0);
  const key = `hash(xor(hash(range), ${salt(`idle ${plan.seed}`, day)}))`;
  return `with touches as (
      select user_id, greatest(0, start - lead) as second, channel from steered where channel > 0
      union all
      select ${FIRST_USER_ID} + user_index, second, channel from (
        select floor(${uniform('key', 'who')} * ${born})::integer as user_index, (${word('key', 'second')} % 86400)::integer as second,
          1 + (${word('key', 'channel')} % ${CHANNELS.length})::integer as channel
        from (select ${key} as key from range(${Math.round(born * IDLE_TOUCHES)})))
      anti join steered using (user_index)
    )
    select user_id, timestamp '${date} 00:00:00' + to_seconds(second) as touched_at, ${names}[channel] as channel,
      ${names}[channel] || '-${date.slice(0, 7)}' as campaign
    from touches order by touched_at, user_id, channel`;
};
