// How features are spread at one cut, in SQL: bins from the reference side, figures and shares from either.
import type { FeatureProfile } from '../core/environment-diff/profiles.ts';
import type { Feature, FeatureView } from '../core/feature-view.ts';
import { identifier, literal, qualified, type SqlSession } from '../core/sql.ts';

/** Upper ends of ranges, or categories by name; by `table.feature`. */
export type Bins =
  | { readonly kind: 'numeric'; readonly upTo: readonly number[] }
  | { readonly kind: 'categorical'; readonly values: readonly string[] };
export type FeatureBins = ReadonlyMap<string, Bins>;

const CATEGORIES = 10;
const DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const SHOWN_QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95];

const nameOf = ({ table }: FeatureView, { name }: Feature): string => `${table}.${name}`;
/** What is not finite is missing, as it is for the model. */
const numberIn = (name: string): string =>
  `case when isfinite(${identifier(name)}::double) then ${identifier(name)}::double end`;

/** The view's rows at one cut, brought into the session's memory: they are asked about once per feature. */
export interface CutRows {
  readonly view: FeatureView;
  readonly cut: string;
  readonly features: readonly Feature[];
}

const ROWS = 'memory.main.profiled';

export const openCut = async (db: SqlSession, view: FeatureView): Promise<CutRows> => {
  const newest = `(select max(as_of) from ${qualified(view.table)})`;
  await db.run(`create or replace table ${ROWS} as select * from ${qualified(view.table)} where as_of = ${newest}`);
  const columns = await db.rows(`describe from ${ROWS}`);
  const present = new Set(columns.map(({ column_name: name }) => String(name)));
  const [row] = await db.rows(`select max(as_of)::date::varchar as cut from ${ROWS}`);
  return { view, cut: String(row?.cut), features: view.features.filter(({ name }) => present.has(name)) };
};

/** Deciles (equal ones once) and the most frequent categories. */
export const binsOf = async (db: SqlSession, { view, features }: CutRows): Promise<[string, Bins][]> => {
  const bins: [string, Bins][] = [];
  for (const feature of features) {
    bins.push([
      nameOf(view, feature),
      feature.kind === 'numeric' ? await ranges(db, feature) : await categories(db, feature),
    ]);
  }
  return bins;
};

const ranges = async (db: SqlSession, { name }: Feature): Promise<Bins> => {
  const [row] = await db.rows(
    `select to_json(list_distinct(quantile_disc(${numberIn(name)}, ${list(DECILES)})))::varchar as ends from ${ROWS}`,
  );
  const ends: number[] = typeof row?.ends === 'string' ? (JSON.parse(row.ends) ?? []) : [];
  return { kind: 'numeric', upTo: ends.toSorted((a, b) => a - b) };
};

const categories = async (db: SqlSession, { name }: Feature): Promise<Bins> => {
  const rows = await db.rows(
    `select ${identifier(name)}::varchar as value from ${ROWS} where ${identifier(name)} is not null
     group by 1 order by count(*) desc, 1 limit ${CATEGORIES}`,
  );
  return { kind: 'categorical', values: rows.map(({ value }) => String(value)) };
};

export const profilesOf = async (db: SqlSession, rows: CutRows, bins: FeatureBins): Promise<FeatureProfile[]> => {
  const profiles: FeatureProfile[] = [];
  for (const feature of rows.features) {
    profiles.push(await profileOf(db, rows, feature, bins.get(nameOf(rows.view, feature))));
  }
  return profiles;
};

const profileOf = async (
  db: SqlSession,
  { view, cut }: CutRows,
  { name, kind }: Feature,
  bins: Bins | undefined,
): Promise<FeatureProfile> => {
  const value = kind === 'numeric' ? numberIn(name) : `${identifier(name)}::varchar`;
  const numbers =
    kind === 'numeric'
      ? `avg(v) as mean, stddev_pop(v) as deviation, to_json(quantile_cont(v, ${list(SHOWN_QUANTILES)}))::varchar as quantiles,`
      : '';
  const [row = {}] = await db.rows(
    `select count(*)::integer as rows, (count(*) - count(v))::integer as missing, ${numbers} to_json([${counts(bins).join(', ')}])::varchar as counts
     from (select ${value} as v from ${ROWS})`,
  );
  const rows = Number(row.rows);
  const counted: number[] = bins === undefined ? [] : JSON.parse(String(row.counts));
  return {
    table: view.table,
    feature: name,
    kind,
    cut,
    rows,
    missing: rows === 0 ? 0 : Number(row.missing) / rows,
    mean: typeof row.mean === 'number' ? row.mean : null,
    deviation: typeof row.deviation === 'number' ? row.deviation : null,
    quantiles: typeof row.quantiles === 'string' ? JSON.parse(row.quantiles) : null,
    shares: rows === 0 ? [] : counted.map((count) => count / rows),
  };
};

/** Counts per bin, with what lies in none and what is missing at the end. */
const counts = (bins: Bins | undefined): string[] => {
  if (bins === undefined) return [];
  const when = (condition: string) => `count(*) filter (where ${condition})`;
  const missing = when('v is null');
  if (bins.kind === 'categorical') {
    const known = bins.values.map(literal).join(', ');
    const other = when(known === '' ? 'v is not null' : `v not in (${known})`);
    return [...bins.values.map((value) => when(`v = ${literal(value)}`)), other, missing];
  }
  const ends = bins.upTo.map((end) => `${end}::double`);
  const parts = ends.map((end, i) => when(i === 0 ? `v <= ${end}` : `v > ${ends[i - 1]} and v <= ${end}`));
  return [...parts, when(ends.length === 0 ? 'v is not null' : `v > ${ends.at(-1)}`), missing];
};

const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`;
