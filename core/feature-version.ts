// The version of a feature view: a hash of its shape and of the SQL behind it. A changed definition is a new version with rows of its own
// in the online store, and the old one goes on serving the models that pin it.
import { contentKey } from './commit.ts';
import type { FeatureView } from './feature-view.ts';
import type { PlannedTable } from './plan.ts';
import type { TableName } from './table.ts';

/** A view as a plan froze it; plans from before there were versions lack one. */
export interface VersionedView extends FeatureView {
  readonly version?: string;
  /** Hash of the SQL behind it; every commit of its table records it. */
  readonly definition?: string;
}

const VERSION_DIGITS = 12;

/** Hash of a feature table's SQL and of the feature tables that it reads, and so on: of what it says, not of what the data say. */
export const definitionOf = (
  tables: readonly Pick<PlannedTable, 'name' | 'sql' | 'inputs'>[],
  name: TableName,
): string => {
  const table = tables.find((candidate) => candidate.name === name);
  const inputs = (table?.inputs ?? []).filter((input) => input.startsWith('features.') && input !== name);
  return contentKey({ sql: table?.sql ?? '', inputs: inputs.toSorted().map((input) => definitionOf(tables, input)) });
};

export const versioned = (
  view: FeatureView,
  tables: readonly PlannedTable[],
): VersionedView & Required<Pick<VersionedView, 'version' | 'definition'>> => {
  const features = view.features.map(({ name, kind }) => [name, kind]);
  const definition = definitionOf(tables, view.table);
  const version = contentKey({ definition, entity: view.entity, features }).slice(0, VERSION_DIGITS);
  return { ...view, version, definition };
};

/** The name of a view's rows in the online store: by version, so that two definitions never mix. */
export const onlineName = ({
  table,
  version,
}: {
  readonly table: string;
  readonly version?: string | undefined;
}): string => (version === undefined ? table : `${table}@${version}`);

/** The lake's table behind a name in the online store. */
export const tableOfOnline = (name: string): TableName => (name.split('@')[0] ?? name) as TableName;

/** What else is to be filled online: as long as a champion from before there were versions answers, the rows without one that it reads. */
export const olderViews = (
  view: VersionedView,
  champion: { readonly lineage: Readonly<Record<string, unknown>> } | undefined,
): VersionedView[] => {
  const { version, ...unversioned } = view;
  return version !== undefined && champion !== undefined && champion.lineage.features === undefined
    ? [unversioned]
    : [];
};
