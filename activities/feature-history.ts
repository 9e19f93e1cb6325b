// Features of entities as they were known at their moments: the table's contents at each commit of the same definition, joined in time.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactRef } from '../core/artifact.ts';
import type { Commit } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import { historySql, type PointInTime, pointInTimeSql, type Told } from '../core/feature-history.ts';
import { type VersionedView, versioned } from '../core/feature-version.ts';
import { identifier, literal, qualified, type SqlSession } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import { useCaseNamed } from '../core/use-case.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';
import { horizonsIn, withLake } from './lake-session.ts';
import { planTables } from './plan.ts';

/** A lake that can be read as it stood. */
export interface LakeInTime {
  readonly db: SqlSession;
  readonly commits: { history(table: TableName): Promise<Commit[]> };
}

export interface WantedFeatures {
  readonly view: VersionedView;
  /** Names of its features. */
  readonly features: readonly string[];
}

/** Where rows that are asked about stand, and the names of their two columns that count. */
export interface Asked {
  /** A relation, e.g. `read_parquet('…')`; the order of its rows is kept if the session keeps it. */
  readonly relation: string;
  readonly entity: string;
  readonly moment: string;
}

const ASKED = 'memory.main.asked';

/** Brings the asked rows into the session, numbered in their order; returns their columns. */
export const loadAsked = async (db: SqlSession, { relation, entity, moment }: Asked): Promise<readonly string[]> => {
  const columns = (await db.rows(`describe from ${relation}`)).map(({ column_name: name }) => String(name));
  for (const [field, name] of Object.entries({ entity, timestamp: moment })) {
    if (columns.includes(name)) continue;
    const mend = `Its columns: ${columns.join(', ')}`;
    throw new PerennialError('INVALID_INPUT', 'The rows lack a column', { field, value: name, mend });
  }
  await db.run('set preserve_insertion_order = true');
  await db.run(
    `create or replace table ${ASKED} as
     select row_number() over () as asked__position, ${identifier(entity)}::varchar as asked__entity,
       ${identifier(moment)}::timestamp as asked__moment, *
     from ${relation}`,
  );
  await db.run('set preserve_insertion_order = false');
  return columns;
};

export interface HistoryBounds {
  /** A snapshot: what was committed later does not count. */
  readonly until?: number;
  /**
   * Takes every row for known at its own moment, as the lake tells it last. For history that was imported in one go, of which nobody could
   * have known a thing in time; corrections then count from the beginning.
   */
  readonly asIfKnown?: boolean;
}

/** A select of the asked rows with their features, in order. */
export const historicalFeatures = async (
  lake: LakeInTime,
  given: readonly string[],
  wanted: readonly WantedFeatures[],
  bounds: HistoryBounds = {},
): Promise<string> => {
  const taken = new Set(given);
  const views: PointInTime[] = [];
  for (const [i, { view, features }] of wanted.entries()) {
    const history = `memory.main.history_${i}`;
    await lake.db.run(`create or replace table ${history} as ${await historyOf(lake, view, features, bounds)}`);
    views.push({ view, columns: columnNames(taken, view.name, features), history });
  }
  return pointInTimeSql(ASKED, given, views);
};

/** A feature goes by its own name, or by its view's and its own where that is taken. */
const columnNames = (taken: Set<string>, view: string, features: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    features.map((feature) => {
      const name = taken.has(feature) ? `${view}__${feature}` : feature;
      taken.add(name);
      return [name, feature];
    }),
  );

const historyOf = async (
  lake: LakeInTime,
  view: VersionedView,
  names: readonly string[],
  { until = Number.POSITIVE_INFINITY, asIfKnown = false }: HistoryBounds,
) => {
  const features = view.features.filter(({ name }) => names.includes(name));
  const commits = (await lake.commits.history(view.table)).filter(
    ({ snapshot, extra }) => snapshot <= until && extra.definition === view.definition,
  );
  if (commits.length === 0) {
    throw new PerennialError('NOTHING_TO_DO', 'The lake holds no features of this definition', {
      field: 'view',
      value: `${view.name}@${view.version ?? ''}`,
      mend: 'Run the use case first',
    });
  }
  const told: Told[] = [];
  const horizonOf = asIfKnown ? async () => null : await horizonsIn(lake);
  for (const { snapshot } of asIfKnown ? commits.slice(-1) : commits) {
    const relation = `lake.${qualified(view.table)} at (version => ${snapshot})`;
    told.push({ relation, knownBy: await horizonOf(snapshot) });
  }
  const oldest = view.ttlDays === undefined ? '' : ` - interval ${Number(view.ttlDays)} days`;
  const bound = (which: 'min' | 'max') => `(select ${which}(asked__moment) from ${ASKED})`;
  const only = `entity in (select asked__entity from ${ASKED}) and event_time <= ${bound('max')}${
    oldest === '' ? '' : ` and event_time >= ${bound('min')}${oldest}`
  }`;
  const { knownAt, ...timeless } = view;
  return historySql({ view: asIfKnown ? timeless : view, features, told, only });
};

/** `view:feature` or `view:*`, as people write them. */
export const wantedOf = (views: readonly VersionedView[], references: readonly string[]): WantedFeatures[] => {
  const wanted = new Map<VersionedView, Set<string>>();
  for (const reference of references) {
    const [name = '', feature = ''] = reference.split(':');
    const view = views.find((candidate) => candidate.name === name);
    if (!view)
      throw unknown(
        'view',
        name,
        views.map((candidate) => candidate.name),
      );
    const names = view.features.map((candidate) => candidate.name);
    if (feature !== '*' && !names.includes(feature)) throw unknown('feature', reference, names);
    const all = wanted.get(view) ?? new Set();
    for (const one of feature === '*' ? names : [feature]) all.add(one);
    wanted.set(view, all);
  }
  return [...wanted].map(([view, features]) => ({ view, features: [...features] }));
};

const unknown = (field: string, value: string, names: readonly string[]): PerennialError =>
  new PerennialError('UNKNOWN_NAME', `No such ${field}`, { field, value, mend: `Known: ${names.join(', ')}` });

export interface HistoricalRequest extends HistoryBounds {
  readonly useCase: string;
  /** Parquet rows with an entity and a moment each. */
  readonly entities: ArtifactRef;
  /** Their column of moments; the entity's is the view's join key. */
  readonly timestamp: string;
  /** `view:feature`, or `view:*`. */
  readonly features: readonly string[];
}

export interface HistoricalFile {
  readonly features: ArtifactRef;
  readonly rows: number;
  /** What whoever trains on it must know; absent where nothing speaks against it. */
  readonly warning?: string;
}

/** What is to be said wherever rows were taken for known at their own moment. */
export const AS_IF_KNOWN =
  'known_at was taken for event_time: late rows and corrections count from their moment on, so this set may hold what nobody knew at the time and proves nothing against leakage';

export const createFeatureHistoryActivities = (deps: Deps) => ({
  getHistoricalFeatures: (request: HistoricalRequest): Promise<HistoricalFile> =>
    framed(deps.crash, ({ signal }) =>
      withLake(deps, signal, (lake) => historicalFile(lake, { ...deps, stage: deps.settings.stage }, request)),
    ),
});

/** Rows with their features as Parquet, from rows as Parquet; equal lakes and rows give equal bytes. */
export const historicalFile = async (
  lake: LakeInTime,
  { artifacts, useCases, stage }: Pick<Deps, 'artifacts' | 'useCases'> & { readonly stage: string },
  request: HistoricalRequest,
): Promise<HistoricalFile> => {
  const useCase = useCaseNamed(useCases, request.useCase);
  const tables = await planTables(lake.db, useCase);
  const views = useCase.featureViews.map((view) => versioned(view, tables));
  const wanted = wantedOf(views, request.features);
  const scratch = path.join(stage, 'history');
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(path.join(scratch, 'asked-'));
  const [input, output] = [path.join(folder, 'asked.parquet'), path.join(folder, 'features.parquet')];
  await writeFile(input, await artifacts.get(request.entities.sha256));
  const entity = wanted[0]?.view.entity ?? '';
  const given = await loadAsked(lake.db, {
    relation: `read_parquet(${literal(input)})`,
    entity,
    moment: request.timestamp,
  });
  const rows = await writeFeatures(lake.db, await historicalFeatures(lake, given, wanted, request), output, request);
  const features = await artifacts.put(await readFile(output));
  await rm(folder, { recursive: true, force: true });
  return { features, rows, ...(request.asIfKnown && { warning: AS_IF_KNOWN }) };
};

/** Writes what a select gives, in its order; returns how many rows. What was taken for known stands in the file's own metadata. */
export const writeFeatures = (
  db: SqlSession,
  select: string,
  file: string,
  { asIfKnown = false }: Pick<HistoryBounds, 'asIfKnown'> = {},
): Promise<number> => {
  const said = asIfKnown
    ? `, kv_metadata {perennial_as_if_known: 'true', perennial_warning: ${literal(AS_IF_KNOWN)}}`
    : '';
  return db.number(`copy (${select}) to ${literal(file)} (format parquet, use_tmp_file false${said})`);
};
