// SQL for the visible part: a day's sessions unrolled into events and marketing touches.
import { SKEW } from './catalogue.ts';
import { below, happens, salt, uniform, word } from './draws.ts';
import type { Plan } from './plan.ts';
import { CHANNELS, EVENT_TYPES, IDLE_TOUCHES, SESSION } from './population.ts';
import { dateAfter } from './season.ts';
import { FIRST_USER_ID } from './sessions.ts';
import { type SteeredDay, steeredSql } from './steering.ts';

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

/** The day's events, unsorted and narrow: `second` after midnight, the session's id as 128 bits; (second, user_id) is unique. */
const narrowSql = (day: SteeredDay): string => {
  const rank = `pow((h >> 32)::double / 4294967296.0, ${SKEW})`;
  const types = `([${EVENT_TYPES.map((type) => `'${type}'`).join(', ')}]::event_type[])`;
  return `select start + i * gap + (h & 31)::integer as second, event_type,
      p.product_id, p.category_id, p.category_code, p.brand, p.price, ${FIRST_USER_ID} + user_index as user_id, session_id, h
    from (
      select *, ${types}[case when i < views then 1 when i < views + carts then 2 when i < views + carts + removals then 3 else 4 end] as event_type,
        case when i < views - 1 then (pool + (case when (h >> 8) % 5 < 2 then size else 0 end) + floor(size * ${rank}))::integer
          when (i = views + 1 and carts = 2) or (i = events - 1 and purchases = 2) then second_item else focus end as item
      from (select *, hash(xor(key, hash(i))) as h from (
        select *, unnest(range(events)) as i from (
          select *, case when ${happens('key', 'anonymous', SESSION.anonymous)} then null else md5(key::varchar)::uuid end as session_id
          from (${steeredSql(day)}))))
    ) join price_list p using (item)`;
};

/** The day's events by (event_time, user_id): the file's columns, and `h`, a word of their own. */
export const eventsSql = (plan: Plan, day: SteeredDay): string => {
  const midnight = Date.parse(`${dateAfter(plan.from, day.day)}T00:00:00Z`) / 1000;
  return `select make_timestamp((${midnight} + second) * 1000000) as event_time, event_type, product_id, category_id, category_code,
      brand, price, user_id, session_id::varchar as user_session, h
    from (select * from (${narrowSql(day)}) order by second::bigint << 32 | user_id)`;
};

/** The day's marketing touches: one in the hour before each touched session, and idle ones to users without a session that day. */
export const touchpointsSql = (plan: Plan, steered: SteeredDay): string => {
  const { day } = steered;
  const date = dateAfter(plan.from, day);
  const names = `[${CHANNELS.map((c) => `'${c.name}'`).join(', ')}]`;
  const born = plan.arrivals.slice(0, day + 1).reduce((sum, count) => sum + count, 0);
  const key = `hash(xor(hash(range), ${salt(`idle ${plan.seed}`, day)}))`;
  return `with today as (${steeredSql(steered)}), touches as (
      select ${FIRST_USER_ID} + user_index as user_id, greatest(0, start - 60 - ${below(3500, 'key', 'lead')}) as second, channel from today where channel > 0
      union all
      select ${FIRST_USER_ID} + user_index, second, channel from (
        select floor(${uniform('key', 'who')} * ${born})::integer as user_index, (${word('key', 'second')} % 86400)::integer as second,
          1 + (${word('key', 'channel')} % ${CHANNELS.length})::integer as channel
        from (select ${key} as key from range(${Math.round(born * IDLE_TOUCHES)})))
      anti join today using (user_index)
    )
    select user_id, timestamp '${date} 00:00:00' + to_seconds(second) as touched_at, ${names}[channel] as channel,
      ${names}[channel] || '-${date.slice(0, 7)}' as campaign
    from touches order by touched_at, user_id, channel`;
};
