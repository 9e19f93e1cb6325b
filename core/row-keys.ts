// Which columns name a row of each table: what a comparison of two versions of it goes by.
import type { TableName } from './table.ts';
import type { UseCase } from './use-case.ts';

/** By table; a table that is not here has no key. */
export const rowKeys = (useCases: readonly UseCase[]): ReadonlyMap<TableName, readonly string[]> =>
  new Map<TableName, readonly string[]>([
    ['bronze.files', ['source', 'file_id', 'version']],
    ...useCases.flatMap(({ sources, tables, models, featureViews }) => [
      ...sources.map(({ table }) => [table, ['file_id', 'line']] as const),
      ...tables.map(({ name, key }) => [name, key] as const),
      ...models.flatMap(({ scores, featureView }) => {
        const view = featureViews.find(({ name }) => name === featureView);
        return view ? [[scores, [view.entity, 'as_of']] as const] : [];
      }),
    ]),
  ]);
