// What an environment's own lake says of a promotion: whether it has the features, its newest labelled cut, and how candidate and champion
// do on it. For freeze.ts.
import type { LoadedPackage } from '../../adapters/artifacts/model-package.ts';
import type { Champion } from '../../adapters/postgres/registry.ts';
import type { Windows } from '../../core/model.ts';
import type { Evidence } from '../../core/promotion/evidence.ts';
import { fits } from '../../core/promotion/gates.ts';
import type { PromotionRequest } from '../../core/promotion/messages.ts';
import type { VersionState } from '../../core/promotion/states.ts';
import { literal, qualified } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';
import type { Deps } from '../deps.ts';
import type { Subject } from '../examples.ts';
import type { Frame } from '../heartbeat.ts';
import type { OpenLake } from '../lake-session.ts';
import { type Bench, measure } from './measure.ts';

const DAY = 86_400_000;

/** What is asked and who answers now, before anything is measured. */
export interface Case {
  readonly request: PromotionRequest;
  readonly subject: Subject;
  readonly windows: Windows;
  readonly candidate: LoadedPackage;
  readonly state: VersionState;
  readonly champion: Champion | undefined;
  readonly reigning: LoadedPackage | undefined;
}

/** What the environment's code expects of the model. */
export const expectedOf = ({ subject: { model, view }, windows }: Case): Omit<Evidence['expected'], 'columns'> => ({
  entity: view.entity,
  features: model.features.map((name) => ({
    name,
    kind: view.features.find((feature) => feature.name === name)?.kind ?? 'numeric',
  })),
  windows: { observationDays: windows.observationDays, gapDays: windows.gapDays, labelDays: windows.labelDays },
});

export interface OwnData {
  readonly data: Evidence['data'];
  readonly missing: string[];
  readonly columns: Evidence['expected']['columns'];
  readonly snapshots: Record<string, number>;
  readonly figures: Record<string, number> | null;
  readonly championFigures: Record<string, number> | null;
  readonly baseline: Record<string, number> | null;
}

const NOTHING: Omit<OwnData, 'missing'> = {
  data: null,
  columns: [],
  snapshots: {},
  figures: null,
  championFigures: null,
  baseline: null,
};

export const onOwnData = async (deps: Deps, lake: OpenLake, asked: Case, frame: Frame): Promise<OwnData> => {
  const { request, subject } = asked;
  const tables: readonly TableName[] = [subject.view.table, subject.model.label.table];
  const heads = await Promise.all(tables.map(async (table) => ({ table, head: await lake.head(table) })));
  const way = `run \`perennial run ${request.useCase} --env ${request.to} --no-train\` first`;
  const missing = heads
    .filter(({ head }) => head === undefined)
    .map(({ table }) => `${request.to} has no table ${table} yet: ${way}`);
  if (missing.length > 0) return { ...NOTHING, missing };
  const known = heads.flatMap(({ table, head }) => (head ? [{ table, snapshot: head.snapshot, key: head.key }] : []));
  await lake.pin(known);
  const data = await newestCut(lake, asked, known);
  const columns = await columnsOf(lake, subject.view.table);
  const snapshots = Object.fromEntries(known.map(({ table, snapshot }) => [table, snapshot]));
  if (data === null) {
    const table = subject.model.label.table;
    return {
      ...NOTHING,
      columns,
      snapshots,
      missing: [`${request.to}'s table ${table} holds no labelled cut: ${way}`],
    };
  }
  return { data, missing: [], columns, snapshots, ...(await figures(deps, lake, asked, { data, columns }, frame)) };
};

const newestCut = async (
  lake: OpenLake,
  { subject: { model }, windows }: Case,
  tables: readonly { table: string; key: string }[],
): Promise<Evidence['data']> => {
  const { table, column } = model.label;
  const [row] = await lake.db.rows(
    `select as_of::date::varchar as cut, count(*)::integer as rows, sum(${column})::integer as positives
     from ${qualified(table)} where as_of = (select max(as_of) from ${qualified(table)}) group by as_of`,
  );
  if (row === undefined) return null;
  const cut = String(row.cut);
  // The labels of a cut need this much knowledge; that is where the newest rows are scored.
  const asOf = new Date(Date.parse(cut) + (windows.gapDays + windows.labelDays) * DAY).toISOString().slice(0, 10);
  return {
    asOf,
    testCut: cut,
    rows: Number(row.rows),
    positives: Number(row.positives),
    tables: tables.map(({ table: name, key }) => ({ table: name, key })),
  };
};

const columnsOf = async (lake: OpenLake, table: TableName): Promise<Evidence['expected']['columns']> => {
  const [schema = '', name = ''] = table.split('.');
  const rows = await lake.db.rows(
    `select column_name as name, data_type as type from duckdb_columns()
     where database_name = 'lake' and schema_name = ${literal(schema)} and table_name = ${literal(name)} order by column_index`,
  );
  return rows.map((row) => ({ name: String(row.name), type: String(row.type) }));
};

const figures = async (
  deps: Deps,
  lake: OpenLake,
  asked: Case,
  { data, columns }: { data: NonNullable<Evidence['data']>; columns: Evidence['expected']['columns'] },
  frame: Frame,
): Promise<Pick<OwnData, 'figures' | 'championFigures' | 'baseline'>> => {
  const { subject, candidate, reigning } = asked;
  const bench: Bench = { deps, frame, subject, cut: data.testCut, tables: data.tables };
  const expected = { ...expectedOf(asked), columns };
  const there = subject.view.features.map(({ name, kind }) => ({ name, kind }));
  const readable = (loaded: LoadedPackage) => fits(loaded.signature.features, { ...expected, features: there });
  const of = async (loaded: LoadedPackage | undefined) =>
    loaded && data.rows > 0 && readable(loaded) ? measure(bench, lake, loaded) : undefined;
  const [ours, theirs] = [await of(candidate), await of(reigning)];
  return {
    figures: ours ? { ...ours.figures } : null,
    championFigures: theirs ? { ...theirs.figures } : null,
    baseline: ours ? { ...ours.baseline } : null,
  };
};
