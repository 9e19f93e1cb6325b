// The oracle: the probability that a user purchases in [T, T + 30 days) given every event of that user before T, exact by Bayes over the types.
// A discrete-time "buy till you die" model with latent classes, kin of the BG/BB model (Fader, Hardie & Shang 2010).
import { SLOTS, tasteSlots } from './categories.ts';
import { activeChance, LABEL_DAYS, mixOn, type Plan } from './plan.ts';
import { buyChance, meanBuyChance, SESSION, USER_TYPES, type UserType } from './population.ts';
import { dateAfter } from './season.ts';
import { CHANNEL_STATES, FIRST_USER_ID, OUTCOMES, SECOND } from './sessions.ts';

/** Log-likelihoods are summed as whole numbers of this size, so that no order of addition can change them. */
const FIXED = 1e9;

/** Per type and day, what the likelihood and the forecast need at cut T. */
export interface TypeTables {
  /** log P(still alive and not active) summed over days 1 … t. */
  readonly quiet: number[];
  /** log P(no session after day t and before T | alive on day t). */
  readonly silence: number[];
  /** P(alive on day T - 1 | that silence). */
  readonly alive: number[];
  /** P(a purchase in the label window | alive on day T - 1). */
  readonly purchase: number;
}

/** The recursions over days for one type; O(days). `cut` is T as a day offset. */
export const typeTables = (type: UserType, from: string, cut: number): TypeTables => {
  const active = (day: number): number => activeChance(type, dateAfter(from, day));
  const quiet = [0];
  for (let day = 1; day < cut; day++)
    quiet.push((quiet[day - 1] ?? 0) + Math.log(1 - type.dropout) + Math.log(1 - active(day)));
  const silence = Array<number>(cut).fill(0);
  const alive = Array<number>(cut).fill(1);
  let [total, living] = [1, 1];
  for (let day = cut - 2; day >= 0; day--) {
    const survivesQuietly = (1 - type.dropout) * (1 - active(day + 1));
    total = type.dropout + survivesQuietly * total;
    living = survivesQuietly * living;
    silence[day] = Math.log(total);
    alive[day] = living / total;
  }
  return { quiet, silence, alive, purchase: purchaseChance(type, active, cut) };
};

/** 1 - P(no purchase), backwards over the window: a day kills, stays quiet, or holds one or two sessions. */
const purchaseChance = (type: UserType, active: (day: number) => number, cut: number): number => {
  const bySession = type.cart * meanBuyChance(type);
  const byDay = 1 - (1 - bySession) * (1 - SESSION.second * bySession);
  let none = 1;
  for (let day = cut + LABEL_DAYS - 1; day >= cut; day--)
    none = type.dropout + (1 - type.dropout) * (1 - active(day) * byDay) * none;
  return 1 - none;
};

/** Log-likelihood of a session's observable class for a type. */
export const classLogLikelihood = (type: UserType, observed: number): number => {
  const cell = observed % SECOND;
  const channel = cell % CHANNEL_STATES;
  const dear = Math.floor(cell / CHANNEL_STATES) % 2 === 1;
  const outcome = Math.floor(cell / CHANNEL_STATES / 2);
  if (outcome === 0) return Math.log(1 - type.cart);
  const buy = buyChance(type, dear, channel);
  return Math.log(type.cart) + Math.log(outcome === 2 ? buy : 1 - buy);
};

const fixed = (value: number): string => `${Math.round(value * FIXED)}::bigint`;
const columns = (name: (k: number) => string): string => USER_TYPES.map((_, k) => name(k + 1)).join(', ');
const values = (rows: readonly string[]): string => `(values ${rows.map((row) => `(${row})`).join(', ')})`;

const classTable = (): string =>
  `${values(Array.from({ length: 2 * SECOND }, (_, c) => `${c}, ${USER_TYPES.map((t) => fixed(classLogLikelihood(t, c))).join(', ')}`))} c(class, ${columns((k) => `c${k}`)})`;

const homeTable = (): string => {
  const [, ...tastes] = tasteSlots();
  const rows = (tastes[0] ?? []).map(
    (_, home) => `${home}, ${tastes.map((row) => fixed(Math.log((row[home] ?? 0) / SLOTS))).join(', ')}`,
  );
  return `${values(rows)} h(home, ${columns((k) => `h${k}`)})`;
};

const dayTable = (plan: Plan, cut: number, tables: readonly TypeTables[]): string => {
  const rows = Array.from({ length: cut }, (_, day) => {
    const mix = mixOn(day, plan.driftDay);
    const numbers = tables.flatMap((t, k) => [
      Math.log(mix[k] ?? 0) - (t.quiet[day] ?? 0),
      (t.quiet[day] ?? 0) + (t.silence[day] ?? 0),
      t.alive[day] ?? 0,
    ]);
    return `${day}, ${numbers.map((n) => `${n}::double`).join(', ')}`;
  });
  return `${values(rows)} d(day, ${columns((k) => `born${k}, last${k}, alive${k}`)})`;
};

/**
 * Selects (user_id, probability, label) for every user seen before the cut; `label` is null where the window is not over when the data ends.
 * Reads `history` (user_index, day, class), which the written events determine, and each user's first category.
 */
export const oracleSql = (plan: Plan, cut: number): string => {
  const tables = USER_TYPES.map((type) => typeTables(type, plan.from, cut));
  const logOdds = USER_TYPES.map((type) => Math.log(type.visit / (1 - type.visit)));
  const x = (k: number): string =>
    `b.born${k} + l.last${k} + n * (${logOdds[k - 1]}) + (h${k} + s${k})::double / ${FIXED}`;
  const weights = (term: (k: number) => string): string => USER_TYPES.map((_, k) => term(k + 1)).join(' + ');
  const label = cut + LABEL_DAYS > plan.days ? 'null::boolean' : 'bought is not null';
  return `with classes as (select * from ${classTable()}), homes as (select * from ${homeTable()}),
    days as (select * from ${dayTable(plan, cut, tables)}),
    seen as (
      select user_index, min(history.day) as first, max(history.day) as last, count(*) filter (class < ${SECOND}) - 1 as n,
        ${columns((k) => `sum(c${k})::bigint as s${k}`)}
      from history join classes using (class) where history.day < ${cut} group by user_index
    ), buyers as (
      select distinct user_index, true as bought from history
      where history.day >= ${cut} and history.day < ${cut + LABEL_DAYS} and class % ${SECOND} >= ${(OUTCOMES - 1) * 2 * CHANNEL_STATES}
    ), scores as (
      select seen.user_index, bought, ${columns((k) => `l.alive${k}`)}, ${columns((k) => `${x(k)} as x${k}`)}
      from seen join users using (user_index) join homes using (home)
        join days b on b.day = seen.first join days l on l.day = seen.last left join buyers using (user_index)
    ), weighed as (select *, greatest(${columns((k) => `x${k}`)}) as top from scores)
    select (${FIRST_USER_ID} + user_index)::integer as user_id,
      (${weights((k) => `exp(x${k} - top) * alive${k} * ${tables[k - 1]?.purchase}`)})
        / (${weights((k) => `exp(x${k} - top)`)}) as probability, ${label} as label
    from weighed order by user_id`;
};
