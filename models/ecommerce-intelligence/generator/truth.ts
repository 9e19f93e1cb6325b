// What was planted, for judges and never for ingest: the tables and the numbers that are written beside the data.
import { SLOTS } from './categories.ts';
import { defaultCut, type Plan } from './plan.ts';
import { CHANNELS, SESSION, TOUCHED, USER_TYPES } from './population.ts';
import { dateAfter } from './season.ts';
import { FIRST_USER_ID } from './sessions.ts';

/** Each user's hidden type and life, by days since the first. */
export const userTruthSql = (): string => {
  const names = `[${USER_TYPES.map((type) => `'${type.name}'`).join(', ')}]`;
  return `select (${FIRST_USER_ID} + user_index)::integer as user_id, ${names}[type] as type, birth as first_day, last_alive as last_alive_day,
    home as home_category from users order by user_id`;
};

/** Complement pairs, both products once: the chance that a filled cart with one product in focus also takes the other. */
export const affinitiesSql = `select a.product_id as product_a, b.product_id as product_b, ${SESSION.complement} as probability
  from products a join products b on b.item = a.partner where a.item < a.partner order by product_a`;

/** The sessions on which oracles rest: one row per user, day and session. */
export const faultCountsSql = `select fault, coalesce(kind, '') as kind, count(*)::bigint as rows from faults group by all order by all`;

export interface Written {
  readonly rows: number;
  readonly files: number;
  readonly cuts: readonly string[];
  readonly faults: readonly { readonly fault: string; readonly kind: string; readonly rows: number }[];
}

/** truth.json: settings, constants and what an ingest of the files should count. */
export const truthDocument = (plan: Plan, { rows, files, cuts, faults }: Written): Record<string, unknown> => {
  const count = (fault: string): number => faults.filter((f) => f.fault === fault).reduce((sum, f) => sum + f.rows, 0);
  const [malformed, duplicates, late] = [count('malformed'), count('duplicate'), count('late')];
  const { seed, from, days, users, products } = plan;
  return {
    seed,
    from,
    to: dateAfter(from, days - 1),
    days,
    users,
    products,
    files,
    rows,
    ingest: { rowsIn: rows + malformed + duplicates, bad: malformed, duplicates, late },
    faults: { asked: plan.faults, found: faults },
    oracles: cuts.map((cut) => ({ cut, file: `oracle-${cut}.parquet` })),
    defaultCut: defaultCut(plan),
    userTypes: USER_TYPES,
    session: SESSION,
    homeSlots: SLOTS,
    touched: TOUCHED,
    channels: CHANNELS,
  };
};
