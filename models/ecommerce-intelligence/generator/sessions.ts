// SQL for the hidden part: who the users are and what sessions each day brings. One day at a time, so memory holds one day's sessions.
import { SKEW } from './catalogue.ts';
import { itemCount, SLOTS } from './categories.ts';
import { band, below, byType, salt, uniform, unit, word } from './draws.ts';
import { activeChance, mixOn, type Plan } from './plan.ts';
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

/** Fills `day_sessions` for one day: every draw of every session, before the views are steered. */
export const sessionsSql = (plan: Plan, day: number): string => `create or replace table day_sessions as
  with active as (${activeSql(plan, day)}), slotted as (${slottedSql()}), drawn as (${drawnSql()}), bought as (${outcomeSql(itemCount(plan.products))})
  select user_index, ${FIRST_USER_ID} + user_index as user_id, day, slot, key, pool, size, focus, channel, dear, outcome,
    (((outcome * 2 + dear) * ${CHANNEL_STATES} + channel) + ${SECOND} * slot)::tinyint as class,
    case when outcome = 0 then 0 else 1 + extra end as carts,
    case when outcome = 2 then 1 + extra else 0 end as purchases,
    case when outcome = 1 and u_remove < ${SESSION.remove} then 1 else 0 end as removals,
    case when companion = 1 then partner else stranger end as second_item,
    views, gap, clock, lead, session_id
  from bought`;

const activeSql = (plan: Plan, day: number): string => {
  const date = dateAfter(plan.from, day);
  const chance = byType(USER_TYPES.map((type) => activeChance(type, date)));
  return `select user_index, home, type, ${day} as day, birth = ${day} as fresh, ${word('key', 'session', day)} as base
    from users where birth <= ${day} and last_alive >= ${day}
      and (birth = ${day} or ${unit(word('key', 'visit', day))} < ${chance})`;
};

const slottedSql = (): string => `select user_index, home, type, day, fresh and slot = 0 as first, twice, slot,
    case slot when 0 then base else ${word('base', 'evening')} end as key
  from (select *, unnest(case when twice then [0, 1] else [0] end) as slot
        from (select *, ${uniform('base', 'second')} < ${SESSION.second} as twice from active))`;

/** Category, product in focus, time and length; the first session ever stays in the home category. */
const drawnSql = (): string => {
  const hours = hourSlots();
  const clock = `([${hours.join(', ')}][1 + ${below(hours.length, 's.key', 'hour')}] * 3600 + ${below(3600, 's.key', 'second')})`;
  const focus = `c.pool + dear * c.size + floor(c.size * pow(${uniform('s.key', 'focus')}, ${SKEW}))`;
  return `select s.*, c.pool, c.size, (${focus})::integer as focus,
      case when twice then (case slot when 0 then 18000 else 54000 end) + (${clock} * 0.29)::integer else greatest(${clock}, 120) end as clock,
      ${SESSION.leastViews} + ${below(SESSION.viewSpread, 's.key', 'views')} as views,
      ${SESSION.leastGap} + ${below(SESSION.gapSpread, 's.key', 'gap')} as gap,
      60 + ${below(3500, 's.key', 'lead')} as lead,
      case when ${uniform('s.key', 'anonymous')} < ${SESSION.anonymous} then null else md5(s.key::varchar)::uuid::varchar end as session_id
    from (select s.*, case when first or ${uniform('s.key', 'home')} < ${SESSION.home} then home else t.category end as place,
            (${uniform('s.key', 'dear')} < ${SESSION.dear})::integer as dear
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
  const buy = `[${chances.map((c) => `${c}::double`).join(', ')}][1 + ((type - 1) * 2 + dear) * ${CHANNEL_STATES} + channel]`;
  const carts = byType(USER_TYPES.map((type) => type.cart));
  const channel = `case when u_touch < ${TOUCHED} then 1 + floor(u_touch / ${TOUCHED} * ${CHANNELS.length}) else 0 end`;
  return `select *, case when ${uniform('key', 'cart')} >= ${carts} then 0
        when ${uniform('key', 'buy')} < ${buy} then 2 else 1 end as outcome,
      ${uniform('key', 'remove')} as u_remove, (companion > 0)::integer as extra
    from (select d.*, (${channel})::integer as channel, focus + (case place % 2 when 0 then 2 else -2 end) * size as partner,
            case when u_extra < ${SESSION.complement} then 1 when u_extra < ${SESSION.complement + SESSION.random} then 2 else 0 end as companion,
            ${below(items, 'd.key', 'stranger')} as stranger
          from (select *, ${uniform('key', 'touch')} as u_touch, ${uniform('key', 'extra')} as u_extra from drawn) d)`;
};

/** The rows that the day's sessions would give unsteered. */
export const dayRowsSql = 'select coalesce(sum(views + carts + purchases + removals), 0)::bigint from day_sessions';

/** Adds the day's sessions to `history`, the only thing the oracle keeps of them. */
export const historySql =
  'insert into history select user_index, day, class from day_sessions order by user_index, slot';
