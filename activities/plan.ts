// The first activities of a run: resolve the use case into a plan, and the state of the lake into moments.
import type { ArtifactRef } from '../core/artifact.ts';
import { type Commit, canonicalJson, contentKey, type Pin } from '../core/commit.ts';
import { columnsOf } from '../core/contract.ts';
import { PerennialError } from '../core/errors.ts';
import { checkFeatures } from '../core/feature-catalogue.ts';
import { versioned } from '../core/feature-version.ts';
import { splitByTime } from '../core/learning/time-split.ts';
import type { Moments, Plan, PlanBrief, PlannedTable } from '../core/plan.ts';
import { literal, type SqlSession } from '../core/sql.ts';
import type { Table, TableName } from '../core/table.ts';
import { type UseCase, useCaseNamed } from '../core/use-case.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';
import { type OpenLake, withLake } from './lake-session.ts';

export interface PlanRequest {
  readonly useCase: string;
  /** Name of the source whose windows apply; default: the one with the most rows in the ledger. */
  readonly source?: string;
  readonly seed: number;
}

export const createPlanActivities = (deps: Deps) => ({
  /** Freezes what the use case says now: tables in order with their SQL, features, models, windows. */
  resolvePlan: (request: PlanRequest): Promise<PlanBrief> =>
    framed(deps.crash, ({ signal }) =>
      withLake(deps, signal, async (lake) => {
        const source = request.source ?? (await mainSource(lake));
        const plan = await planOf(lake.db, useCaseNamed(deps.useCases, request.useCase), { ...request, source });
        const ref = await deps.artifacts.put(Buffer.from(canonicalJson(plan)));
        const tables = plan.tables.map(({ name, inputs }) => ({ name, inputs }));
        return { plan: ref, useCase: plan.useCase, tables, models: plan.models.map(({ name }) => name) };
      }),
    ),

  /** Pins bronze as it stands, and derives the run's moments from the days that the ledger knows. */
  resolveMoments: (request: { plan: ArtifactRef; asOf?: string }): Promise<{ moments: Moments; pins: Pin[] }> =>
    framed(deps.crash, async ({ signal }) =>
      withLake(deps, signal, async (lake) => {
        return momentsOf(lake, await readPlan(deps, request.plan), request.asOf);
      }),
    ),
});

/** Bronze as it stands, and the moments that follow from its days. */
export const momentsOf = async (
  lake: OpenLake,
  plan: Plan,
  known?: string,
): Promise<{ moments: Moments; pins: Pin[] }> => {
  const pins = await pinBronze(lake, plan);
  const span = await daysKnown(lake.db, plan.source);
  const asOf = known ?? nextDay(span.last);
  return { pins, moments: { asOf, split: splitByTime({ asOf, windows: plan.windows, firstDay: span.first }) } };
};

export const readPlan = async (deps: Deps, ref: ArtifactRef): Promise<Plan> =>
  JSON.parse((await deps.artifacts.get(ref.sha256)).toString('utf8'));

const mainSource = async (lake: OpenLake): Promise<string> => {
  const head = await ledgerHead(lake);
  await lake.pin([{ table: 'bronze.files', snapshot: head.snapshot }]);
  const [row] = await lake.db.rows(
    `select source from bronze.files group by source order by sum(loaded) desc, source limit 1`,
  );
  return String(row?.source);
};

const ledgerHead = async (lake: OpenLake): Promise<Commit> => {
  const head = await lake.head('bronze.files');
  if (head) return head;
  throw new PerennialError('NOTHING_TO_DO', 'the lake is empty', { mend: 'Give a path to ingest' });
};

/** The use case as it stands now, frozen. */
export const planOf = async (db: SqlSession, useCase: UseCase, request: Required<PlanRequest>): Promise<Plan> => {
  const windows = useCase.windows[request.source];
  if (!windows) {
    const known = Object.keys(useCase.windows).join(', ');
    throw new PerennialError('UNKNOWN_NAME', 'no such source', {
      field: 'source',
      value: request.source,
      mend: `Known: ${known}`,
    });
  }
  checkFeatures(useCase);
  const tables = await planTables(db, useCase);
  return {
    useCase: useCase.name,
    title: useCase.title,
    source: request.source,
    seed: request.seed,
    windows,
    bronze: bronzeColumns(useCase),
    eventTimes: Object.fromEntries(useCase.sources.map(({ table, eventTime }) => [table, eventTime])),
    tables,
    featureViews: useCase.featureViews.map((view) => versioned(view, tables)),
    models: useCase.models.filter(({ source }) => source === request.source),
  };
};

/** The tables of a use case, inputs before dependents. */
export const planTables = async (db: SqlSession, useCase: UseCase): Promise<PlannedTable[]> => {
  const tables: PlannedTable[] = [];
  for (const table of useCase.tables) tables.push({ ...table, inputs: await tablesRead(db, table) });
  return inOrder(tables);
};

/** Columns of every bronze table, as SQL: each source's contract plus where a row came from; the ledger; the quarantine. */
export const bronzeColumns = (useCase: UseCase): Record<TableName, string> => {
  const origin = 'file_id VARCHAR, line BIGINT, known_at TIMESTAMP';
  const columns: Record<TableName, string> = {
    'bronze.files': `source VARCHAR, file_id VARCHAR, file_name VARCHAR, version INTEGER, bytes BIGINT, rows_in BIGINT, loaded BIGINT,
      quarantined BIGINT, status VARCHAR, reason VARCHAR, days DATE[], known_at TIMESTAMP`,
    'bronze.quarantine': `source VARCHAR, file_id VARCHAR, file_name VARCHAR, line BIGINT, column_name VARCHAR, value VARCHAR,
      reason VARCHAR, known_at TIMESTAMP`,
  };
  for (const source of useCase.sources) {
    const own = columnsOf(source).map(({ name, sql }) => `${name} ${sql}`);
    columns[source.table] = `${own.join(', ')}, ${origin}`;
  }
  return columns;
};

/** The tables a select reads, from its own syntax tree. */
const tablesRead = async (db: SqlSession, table: Table): Promise<TableName[]> => {
  const [row] = await db.rows(`select json_serialize_sql(${literal(table.sql)}) as tree`);
  const tree: unknown = JSON.parse(String(row?.tree));
  const found = new Set<TableName>();
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return;
    const { type, schema_name: schema, table_name: name } = node as Record<string, unknown>;
    if (type === 'BASE_TABLE' && schema !== '' && schema !== undefined) found.add(`${schema}.${name}` as TableName);
    for (const child of Object.values(node)) visit(child);
  };
  visit(tree);
  if (found.size === 0) {
    const said = (tree as { error_message?: string }).error_message ?? 'it reads no table with a layer name';
    throw new PerennialError('CONTRACT_BROKEN', `the SQL of ${table.name} cannot be planned: ${said}`, {
      field: table.name,
    });
  }
  return [...found].sort();
};

/** Inputs before dependents; ties by name, so that the order is a function of the plan. */
export const inOrder = (tables: readonly PlannedTable[]): PlannedTable[] => {
  const waiting = new Map(tables.map((table) => [table.name, table]));
  const ordered: PlannedTable[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting.values()].filter(({ inputs }) => !inputs.some((input) => waiting.has(input)));
    if (ready.length === 0) {
      throw new PerennialError('CONTRACT_BROKEN', 'tables read one another in a circle', {
        value: [...waiting.keys()],
      });
    }
    for (const table of ready.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      ordered.push(table);
      waiting.delete(table.name);
    }
  }
  return ordered;
};

/** Bronze as it stands. */
const pinBronze = async (lake: OpenLake, plan: Plan): Promise<Pin[]> => {
  const { snapshot } = await ledgerHead(lake);
  const pins: Pin[] = [];
  for (const pin of await bronzeAt(lake, Object.keys(plan.bronze) as TableName[], snapshot)) {
    if ((await lake.head(pin.table)) !== undefined) pins.push(pin);
  }
  return pins;
};

/**
 * Bronze content is what the ledger says is loaded, however many commits brought it. Tables that the ledger at that snapshot knows no file of
 * are left out; `bronze.files` is pinned there.
 */
export const bronzeAt = async (lake: OpenLake, tables: readonly TableName[], snapshot: number): Promise<Pin[]> => {
  await lake.pin([{ table: 'bronze.files', snapshot }]);
  const files = await lake.db.rows(
    `select source, string_agg(file_id || ':' || status || ':' || version, ',' order by file_id, version) as content
     from bronze.files group by source order by source`,
  );
  return tables.flatMap((table) => {
    const source = table.split('.')[1];
    const whole = table === 'bronze.files' || table === 'bronze.quarantine';
    const own = files.filter((file) => whole || file.source === source);
    const key = contentKey({ table, content: own.map((file) => [file.source, file.content]) });
    return own.length === 0 ? [] : [{ table, snapshot, key }];
  });
};

/** First and last day of a source's loaded files, from the ledger as it is pinned. */
export const daysKnown = async (db: SqlSession, source: string): Promise<{ first: string; last: string }> => {
  const [row] = await db.rows(
    `select min(day)::varchar as first, max(day)::varchar as last
     from (select unnest(days) as day from bronze.files where status = 'loaded' and source = ${literal(source)})`,
  );
  if (typeof row?.first !== 'string' || typeof row.last !== 'string') {
    throw new PerennialError('NOTHING_TO_DO', 'no loaded file of this source', { field: 'source', value: source });
  }
  return { first: row.first, last: row.last };
};

const nextDay = (day: string): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
