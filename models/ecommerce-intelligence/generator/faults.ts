// Switchable faults, as SQL over one day: late rows wait in `pending`, duplicates and broken copies are added, and each is listed in `faults`.
// Good rows are never lost or changed: `rows` counts them, faults come on top (duplicates, malformed) or move them to a later file (late).
import { salt, uniform, unit, word } from './draws.ts';
import { EVENT_COLUMNS } from './events.ts';
import type { Plan } from './plan.ts';

export type FileFormat = 'csv' | 'csv.gz' | 'parquet';

/** How a broken copy is broken. Parquet's types leave room for the first three alone. */
export const MALFORMED_KINDS = [
  'unknown event_type',
  'negative price',
  'missing user_id',
  'bad timestamp',
  'textual price',
  'ragged line',
] as const;
const PARQUET_KINDS = 3;
const MOST_LATE_DAYS = 3;

export const hasRowFaults = ({ faults }: Plan): boolean => faults.malformed + faults.duplicates + faults.late > 0;

/** The tables that faults need. `line` is the 1-based physical line of a text file (the header is line 1), or the row of a Parquet file. */
export const faultTablesSql = (plan: Plan, events: string): string[] => [
  `create table pending as select * from (${dueSql(plan, 0, events)}) limit 0`,
  'create table faults (file_name varchar, line bigint, fault varchar, kind varchar, event_day date)',
];

/** The day's events with the day offset of the file that they are written to. */
const dueSql = (plan: Plan, day: number, events: string): string => {
  const lateness = `1 + (${word('h', 'lateness')} % ${MOST_LATE_DAYS})::integer`;
  return `select *, case when ${uniform('h', 'late')} < ${plan.faults.late} then least(${plan.days - 1}, ${day} + ${lateness})
      else ${day} end as due from (${events})`;
};

/** Fills `file_rows`: what the day's file holds, in order, `copy` 0 = good, 1 = duplicate, 2 = broken. */
export const fileRowsSql = (plan: Plan, day: number, events: string, format: FileFormat): string[] => {
  const kinds = format === 'parquet' ? PARQUET_KINDS : MALFORMED_KINDS.length;
  return [
    `create or replace table good as ${dueSql(plan, day, events)}`,
    `create or replace table file_rows as
      with arrived as (
        select *, false as late from good where due = ${day} union all select *, true as late from pending where due = ${day}
      ), copied as (
        select *, unnest([0] || case when ${uniform('h', 'duplicate')} < ${plan.faults.duplicates} then [1] else [] end
          || case when ${unit(word('h', 'malformed'))} < ${plan.faults.malformed} then [2] else [] end) as copy
        from arrived
      )
      select *, case copy when 2 then 1 + (hash(xor(h, ${salt('kind')})) % ${kinds})::integer else 0 end as kind,
        row_number() over (order by event_time, user_id, h, copy) as row
      from copied`,
    `insert into pending select * from good where due > ${day}`,
    `delete from pending where due = ${day}`,
  ];
};

/** Records the faults of the file in `faults`. */
export const recordFaultsSql = (fileName: string, format: FileFormat): string => {
  const names = `[${MALFORMED_KINDS.map((kind) => `'${kind}'`).join(', ')}]`;
  return `insert into faults
    select '${fileName}', row + ${format === 'parquet' ? 0 : 1}, unnest(list_filter(
        [case copy when 1 then 'duplicate' when 2 then 'malformed' end, case when copy = 0 and late then 'late' end], lambda f: f is not null)),
      case copy when 2 then ${names}[kind] end, event_time::date
    from file_rows where copy > 0 or late order by row`;
};

/** The rows of a Parquet file, broken ones within its types. */
export const faultyRowsSql = (): string => `select ${EVENT_COLUMNS.join(', ')} from (
    select * replace (case kind when 1 then 'veiw' else event_type::varchar end as event_type, case kind when 2 then -price else price end as price,
      case kind when 3 then null else user_id end as user_id)
    from file_rows) order by row`;

/** The lines of a text file in a single column named as the header line; written without quotes. */
export const faultyLinesSql = (): string => {
  const time = `case kind when 4 then '2019-13-45 99:00:00 UTC' else strftime(event_time, '%Y-%m-%d %H:%M:%S UTC') end`;
  const type = `case kind when 1 then 'veiw' else event_type::varchar end`;
  const price = `case kind when 2 then '-' || price::varchar when 5 then 'free' else price::varchar end`;
  const user = `case kind when 3 then '' else user_id::varchar end`;
  const start = `${time} || ',' || ${type} || ',' || product_id || ',' || category_id || ',' || coalesce(category_code::varchar, '')`;
  const rest = `',' || coalesce(brand::varchar, '') || ',' || ${price} || ',' || ${user} || ',' || coalesce(user_session, '')`;
  return `select ${start} || case kind when 6 then '' else ${rest} end as "${EVENT_COLUMNS.join(',')}" from file_rows order by row`;
};
