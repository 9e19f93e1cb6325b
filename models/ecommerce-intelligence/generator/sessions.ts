// SQL for the hidden part: who the users are and what sessions each day brings. A batch of days at a time, so memory holds that batch's sessions.
import { SKEW } from './catalogue.ts';
import { itemCount, SLOTS } from './categories.ts';
import { band, below, bound, boundByType, byType, happens, listed, salt, uniform, word } from './draws.ts';
import { activeChance, type Days, daysOf, mixOn, type Plan } from './plan.ts';
import { buyChance, CHANNELS, SESSION, TOUCHED, USER_TYPES } from './population.ts';
import { dateAfter, hourSlots } from './season.ts';

/** User ids start here, as in the public data set; ids rise with the day of arrival. */
export const FIRST_USER_ID = 510_000_000;
/** Outcomes of a session: nothing, a filled cart, a purchase. */
export const OUTCOMES = 3;
/** A session's observable class: ((outcome × 2 + dear) × (channels + 1) + channel). Add SECOND for the second session of a day. */
export const CHANNEL_STATES = CHANNELS.length + 1;
export const SECOND = OUTCOMES * 2 * CHANNEL_STATES;

/** Creates `users` (5 small columns a user) and the empty `history`. */
export const usersSql = (plan: Plan): string[] => {
  let start = 0;
  const days = plan.arrivals.map((count, day) => {
    const row = `(${day}, ${start}, ${start + count})`;
    start += count;
    return row;
  });
  const mix = (day: number): string => band('u_type', mixOn(day, plan.driftDay));
  const type =
    plan.driftDay < plan.days
      ? `case when birth < ${plan.driftDay} then ${mix(0)} else ${mix(plan.driftDay)} end`
      : mix(0);
  const stay = byType(USER_TYPES.map((t) => 1 / Math.log(1 - t.dropout)));
  return [
    `create table users as
     with born as (
       select birth, unnest(range(first, past)) as user_index from (values ${days.join(', ')}) v(birth, first, past)
     ), keyed as (
       select *, hash(xor(hash(user_index), ${salt(`user ${plan.seed}`)})) as key from born
     ), typed as (
       select *, (${type})::tinyint as type from (select *, ${uniform('key', 'type')} as u_type from keyed)
     )
     select user_index::integer as user_index, key, typed.type, birth::smallint as birth, taste.category as home,
       least(${plan.days - 1}, birth + floor(ln(${uniform('key', 'dropout')}) * ${stay.replace('[type]', '[typed.type]')}))::smallint as last_alive
     from typed join taste on taste.type = typed.type and taste.slot = ${below(SLOTS, 'key', 'home')}
     order by user_index`,
    `create table history (user_index integer, day smallint, class tinyint)`,
  ];
};

/**
 * Fills `day_sessions` for the days of a batch: every draw of every session, before the views are steered. `through` is the running sum,
 * by day and the sessions' 64-bit keys, of the views beyond each session's first: what the steering shares out.
 */
export const sessionsSql = (plan: Plan, days: Days): string => `create or replace temp table day_sessions as
  select *, sum(views - 1) over (rows unbounded preceding)::integer as through from (
  with active as (${activeSql(plan, days)}), slotted as (${slottedSql()}), drawn as (${drawnSql()}), bought as (${outcomeSql(itemCount(plan.products))})
  select user_index, day, key, pool, size, focus, channel::tinyint as channel,
    (((outcome * 2 + dear) * ${CHANNEL_STATES} + channel) + ${SECOND} * slot)::tinyint as class,
    (case when outcome = 0 then 0 else 1 + extra end)::tinyint as carts,
    (case when outcome = 2 then 1 + extra else 0 end)::tinyint as purchases,
    (outcome = 1 and removed)::tinyint as removals,
    case when companion = 1 then partner else stranger end as second_item,
    views::tinyint as views, clock
  from bought order by day, key)`;

/** A row per user and day of activity, with the day's own word. */
const activeSql = (plan: Plan, days: Days): string => {
  const rows = daysOf(days).map((day) => {
    const chances = USER_TYPES.map((type) => bound(activeChance(type, dateAfter(plan.from, day))));
    return `(${day}::smallint, ${salt('visit', day)}, ${salt('session', day)}, ${listed(chances)})`;
  });
  return `select user_index, home, type, day, birth = day as fresh, hash(xor(key, session_salt)) as base
    from (select * from users where birth < ${days.past} and last_alive >= ${days.from})
      cross join (values ${rows.join(', ')}) days(day, visit_salt, session_salt, chances)
    where birth <= day and last_alive >= day and (birth = day or hash(xor(key, visit_salt)) < chances[type])`;
};

const slottedSql = (): string => `select user_index, home, type, day, fresh and slot = 0 as first, twice, slot,
    case slot when 0 then base else ${word('base', 'evening')} end as key
  from (select *, unnest(case when twice then [0, 1] else [0] end) as slot
        from (select *, ${happens('base', 'second', SESSION.second)} as twice from active))`;

/** Category, product in focus, time and length; the first session ever stays in the home category. */
const drawnSql = (): string => {
  const hours = hourSlots();
  const time = `([${hours.join(', ')}][1 + ${below(hours.length, 's.key', 'hour')}] * 3600 + ${below(3600, 's.key', 'second')})`;
  const focus = `c.pool + dear * c.size + floor(c.size * pow(${uniform('s.key', 'focus')}, ${SKEW}))`;
  return `select s.*, c.pool, c.size, (${focus})::integer as focus,
      case when twice then (case slot when 0 then 18000 else 54000 end) + (time * 0.29)::integer else greatest(time, 120) end as clock,
      ${SESSION.leastViews} + ${below(SESSION.viewSpread, 's.key', 'views')} as views
    from (select s.*, case when first or ${happens('s.key', 'home', SESSION.home)} then home else t.category end as place,
            ${happens('s.key', 'dear', SESSION.dear)}::integer as dear, ${time} as time
          from slotted s join taste t on t.type = 0 and t.slot = ${below(SLOTS, 's.key', 'place')}) s
    join categories c on c.category = place`;
};

/** Touch, cart, purchase and what else lies in the cart. */
const outcomeSql = (items: number): string => {
  const chances = USER_TYPES.flatMap((type) =>
    [false, true].flatMap((dear) =>
      Array.from({ length: CHANNEL_STATES }, (_, channel) => buyChance(type, dear, channel)),
    ),
  );
  const buy = `${listed(chances.map(bound))}[1 + ((type - 1) * 2 + dear) * ${CHANNEL_STATES} + channel]`;
  const carts = boundByType(USER_TYPES.map((type) => type.cart));
  const channel = `case when u_touch < ${TOUCHED} then 1 + floor(u_touch / ${TOUCHED} * ${CHANNELS.length}) else 0 end`;
  return `select *, case when ${word('key', 'cart')} >= ${carts} then 0
        when ${word('key', 'buy')} < ${buy} then 2 else 1 end as outcome,
      ${happens('key', 'remove', SESSION.remove)} as removed, (companion > 0)::integer as extra
    from (select d.*, (${channel})::integer as channel, focus + (case place % 2 when 0 then 2 else -2 end) * size as partner,
            case when u_extra < ${SESSION.complement} then 1 when u_extra < ${SESSION.complement + SESSION.random} then 2 else 0 end as companion,
            ${below(items, 'd.key', 'stranger')} as stranger
          from (select *, ${uniform('key', 'touch')} as u_touch, ${uniform('key', 'extra')} as u_extra from drawn) d)`;
};

/** What the sessions of each day would give unsteered, and how many of their views can be steered: all beyond each session's first. */
export const daySumsSql = `select day, sum(views + carts + purchases + removals)::integer as rows, sum(views - 1)::integer as spare
  from day_sessions group by day`;

/** Adds the batch's sessions to `history`, the only thing the oracle keeps of them. */
export const historySql = 'insert into history select user_index, day, class from day_sessions';
