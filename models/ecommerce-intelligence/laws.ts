// The words in which the tables of this use case state their promises; a law is a condition on each row, or a select of what breaks it.
import type { Incremental, Law, Table, TableName } from '../../core/table.ts';

/** A table without its select, which stands in the `.sql` file of its name. */
export type TablePromise = Omit<Table, 'sql'>;

export const byDay = (...from: readonly TableName[]): Incremental => ({ by: 'event_date', from });
export const byUser = (...from: readonly TableName[]): Incremental => ({ by: 'user_id', from });

/** Every row meets the condition. */
export const always = (name: string, holds: string): Law => ({ name, holds });

/**
 * Two totals that must be equal; each is a select of one number. In an incremental build `this` and the inputs are cut down to the same
 * touched values, so a law of totals holds there as well.
 */
export const conserved = (name: string, here: string, there: string): Law => ({
  name,
  violations: `select * from (select (${here}) as here, (${there}) as there) where coalesce(here, 0) <> coalesce(there, 0)`,
});

/** Versions of one entity follow each other without gap or overlap, and exactly the last is current. */
export const slowlyChanging = (entity: string): readonly Law[] => [
  always('a version ends after it began', 'valid_from < valid_to'),
  {
    name: 'versions leave no gap and do not overlap',
    violations: `select * from (
        select *, lead(valid_from) over (partition by source, ${entity} order by valid_from) as next_from from this)
      where valid_to <> coalesce(next_from, date '9999-12-31') or is_current <> (next_from is null)`,
  },
];

/** Every row of an input has its entity here: nobody is lost. */
export const nobodyLost = (name: string, columns: string, input: TableName, where = 'true'): Law => ({
  name,
  violations: `select distinct ${columns} from ${input} where ${where} except select ${columns} from this`,
});

/** A select of the money that purchases brought. */
export const purchasesOf = (events: string): string =>
  `select sum(price * quantity) from ${events} where event_type = 'purchase'`;

/** Events of the run's own source in the past of `as_of`: what the tables that are rebuilt whole read. */
export const KNOWN = `(select * from silver.events where source = getvariable('source') and event_time < getvariable('as_of'))`;
