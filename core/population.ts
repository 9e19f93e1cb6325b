// What an unknown entity is taken for: each feature's median, or its most frequent value. Computed at training, kept in the signature.
import type { Feature } from './feature-view.ts';
import { identifier, literal, qualified } from './sql.ts';
import type { TableName } from './table.ts';

/**
 * A select of one row with a column per feature, over the rows of a feature table at one cut. Medians are values that occur (the lower
 * of two), ties of frequency go to the first by name, nulls count nowhere: the row is a function of the rows alone.
 */
export const populationSql = (
  table: TableName,
  features: readonly Pick<Feature, 'name' | 'kind'>[],
  cut: string,
): string => {
  const rows = `${qualified(table)} where as_of = ${literal(cut)}::timestamp`;
  const columns = features.map(({ name, kind }) => {
    const column = identifier(name);
    const typical =
      kind === 'numeric'
        ? `(select quantile_disc(${column}::double, 0.5) from ${rows} and isfinite(${column}::double))`
        : `(select ${column}::varchar from ${rows} and ${column} is not null group by 1 order by count(*) desc, 1 limit 1)`;
    return `${typical} as ${column}`;
  });
  return `select ${columns.join(', ')}`;
};
