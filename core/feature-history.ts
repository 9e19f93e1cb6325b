// Features as they were known at a moment: SQL, pure text, that joins rows of entities with timestamps to what had been told by then.
// Two clocks count: `event_time`, the moment that features describe, and `known_at`, when the newest fact behind them was ingested.
import type { Feature, FeatureView } from './feature-view.ts';
import { identifier, literal } from './sql.ts';

/** A content of a feature table as it once stood. */
export interface Told {
  /** A relation with the table's columns, e.g. `features.customer_daily at (version => 12)` in full. */
  readonly relation: string;
  /** When the newest fact of the whole lake was ingested then, ISO 8601; null where nobody knows. */
  readonly knownBy: string | null;
}

/** Exactly what models read and the online store holds: numbers as DOUBLE, categories as text; what is not finite is missing. */
export const valueSql = ({ name, kind }: Pick<Feature, 'name' | 'kind'>): string => {
  const column = identifier(name);
  return kind === 'categorical'
    ? `${column}::varchar`
    : `case when isfinite(${column}::double) then ${column}::double end`;
};

/** When the newest fact behind a row was ingested, as SQL over the table; what does not say so was known at its own moment. */
export const knownAtSql = ({ knownAt }: Pick<FeatureView, 'knownAt'>): string =>
  knownAt === undefined ? 'as_of' : `coalesce(${identifier(knownAt)}, as_of)`;

export interface HistoryRequest {
  readonly view: Pick<FeatureView, 'entity' | 'knownAt'>;
  readonly features: readonly Pick<Feature, 'name' | 'kind'>[];
  /** The oldest first. */
  readonly told: readonly Told[];
  /** SQL condition over `entity` and `event_time`; rows that fail it are not read. */
  readonly only?: string;
}

/**
 * A select of (entity, event_time, known_at, generation, features): each thing ever told of an entity's moment, once. A later content
 * that says something else without a newer fact behind it (a file was taken back) counts as known when the lake knew of it.
 */
export const historySql = ({ view, features, told, only = 'true' }: HistoryRequest): string => {
  const names = features.map(({ name }) => identifier(name));
  const parts = told.map(
    ({ relation, knownBy }, generation) => `
      select ${identifier(view.entity)}::varchar as entity, as_of as event_time, ${knownAtSql(view)} as known_at__, ${generation} as generation,
        ${knownBy === null ? 'null' : literal(knownBy)}::timestamp as known_by,
        ${features.map((feature) => `${valueSql(feature)} as ${identifier(feature.name)}`).join(', ')}
      from ${relation}`,
  );
  return `
    select entity, event_time, generation, ${names.join(', ')},
      if(coalesce(known_at__ > known_before, true), known_at__, greatest(known_at__, known_by)) as known_at
    from (
      select *, max(known_at__) over earlier as known_before, lag(row(${names.join(', ')})) over turns as said_before
      from (${parts.join('\n      union all')}) where ${only}
      window turns as (partition by entity, event_time order by generation),
        earlier as (partition by entity, event_time order by generation rows between unbounded preceding and 1 preceding)
    ) where known_before is null or row(${names.join(', ')}) is distinct from said_before`;
};

export interface PointInTime {
  readonly view: Pick<FeatureView, 'name' | 'ttlDays'>;
  /** Feature by name of the output column. */
  readonly columns: Readonly<Record<string, string>>;
  /** Relation that `historySql` gives. */
  readonly history: string;
}

/**
 * A select over `asked` (asked__position, asked__entity, asked__moment, and the columns given): one row for each of its rows, in its order. For each moment the
 * newest `event_time` among the rows with `event_time` and `known_at` at or before it; among equals the newest `known_at`, then the content
 * told first. A row older than the view's TTL, counted back from the asked moment, says nothing.
 */
export const pointInTimeSql = (asked: string, given: readonly string[], views: readonly PointInTime[]): string => {
  const frontiers = views.map(({ history }, i) => `frontier_${i} as (${frontierSql(history)})`);
  const columns = views.flatMap(({ view, columns: wanted }, i) => {
    const fresh =
      view.ttlDays === undefined
        ? 'true'
        : `f${i}.event_time >= a.asked__moment - interval ${Number(view.ttlDays)} days`;
    const of = (column: string) => `case when ${fresh} then f${i}.${identifier(column)} end`;
    const values = Object.entries(wanted).map(([name, feature]) => `${of(feature)} as ${identifier(name)}`);
    return [...values, `${of('event_time')} as ${identifier(`${view.name}__event_time`)}`];
  });
  const joins = views.map(
    (_, i) =>
      `asof left join frontier_${i} f${i} on a.asked__entity = f${i}.entity and a.asked__moment >= f${i}.available`,
  );
  return `with ${frontiers.join(',\n')}
    select ${[...given.map((name) => `a.${identifier(name)}`), ...columns].join(', ')}
    from ${asked} a ${joins.join('\n')} order by a.asked__position`;
};

/**
 * What there is to know of an entity from each moment on: of rows that become available together the best, and none that a better one came
 * before. One inequality (available ≤ moment) then does the work of two.
 */
const frontierSql = (history: string): string => `
  select * from (
    select *, max({e: event_time, k: known_at}) over (
      partition by entity order by available rows between unbounded preceding and 1 preceding
    ) as best
    from (
      select *, greatest(event_time, known_at) as available from ${history}
      qualify row_number() over (partition by entity, available order by event_time desc, known_at desc, generation) = 1
    )
  ) where best is null or {e: event_time, k: known_at} > best`;
