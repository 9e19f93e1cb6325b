// Where the features behind a prediction came from: the lake's row that says the same, its snapshot, and the lines of the files behind it.

import type { Commit, Pin } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { tableOfOnline } from '../../core/feature-version.ts';
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import type { Source } from '../../core/source.ts';
import { identifier, literal, qualified } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';
import type { ReadOnlyLake } from '../lake.ts';

export interface FeatureSource {
  readonly table: TableName;
  readonly snapshot: number;
  readonly key: string;
  /** Workflow that committed it. */
  readonly by: string | null;
  readonly committedAt: string;
}

/** A line of a file that arrived from outside. */
export interface SourceLine {
  readonly file: string;
  readonly line: number;
  readonly eventTime: string;
  readonly what: Readonly<Record<string, unknown>>;
}

export interface SourceLines {
  readonly table: TableName;
  readonly snapshot: number;
  /** Lines about the entity before the moment that the features describe. */
  readonly lines: number;
  /** The newest of them first. */
  readonly newest: readonly SourceLine[];
}

/** Commits of a table that are looked through at most. */
const COMMITS = 10_000;

/** The newest commit before the answer whose row of the entity holds what the model saw; undefined where no readable one does. */
export const featureSource = async (
  lake: ReadOnlyLake,
  prediction: LoggedPrediction,
  entity: string,
): Promise<FeatureSource | undefined> => {
  const table = tableOfOnline(prediction.view);
  const commits = await lake.commits.list(COMMITS);
  const before = commits.filter(({ tables, at }) => tables[table] !== undefined && at <= prediction.servedAt);
  for (const commit of before) {
    if (!(await holds(lake, { table, snapshot: commit.snapshot }, prediction, entity))) continue;
    const head = (await lake.commits.at(table, commit.snapshot)) ?? commit;
    return { table, snapshot: commit.snapshot, key: head.key, by: workflowOf(head), committedAt: commit.at };
  }
  return undefined;
};

const holds = async (
  lake: ReadOnlyLake,
  { table, snapshot }: Pick<Pin, 'table' | 'snapshot'>,
  { features, entity: who, featureTime }: LoggedPrediction,
  entity: string,
): Promise<boolean> => {
  const same = Object.entries(features).map(([name, value]) => {
    const column = identifier(name);
    // What is not finite is missing to a model.
    if (value === null) return `(${column} is null or not coalesce(isfinite(try_cast(${column} as double)), false))`;
    return typeof value === 'number' ? `${column}::double = ${value}` : `${column}::varchar = ${literal(value)}`;
  });
  const row = [`${identifier(entity)}::varchar = ${literal(who)}`, `as_of = ${literal(utc(featureTime))}::timestamp`];
  const sql = `select count(*) from ${qualified(table)} at (version => ${snapshot}) where ${[...row, ...same].join(' and ')}`;
  try {
    return (await lake.db.number(sql)) > 0;
  } catch (error) {
    // Of snapshots that upkeep has let expire nothing can be said; nor of one whose table had other columns.
    if (error instanceof Error && /snapshot|version|Binder|Catalog/i.test(error.message)) return false;
    throw error;
  }
};

/** Lines about the entity, from the bronze table as the features' commit saw it. */
export const sourceLines = async (
  lake: ReadOnlyLake,
  source: Source,
  features: FeatureSource,
  {
    prediction,
    joinKey,
    limit,
  }: { readonly prediction: LoggedPrediction; readonly joinKey: string; readonly limit: number },
): Promise<SourceLines | undefined> => {
  const pin = await pinBehind(lake, features, source.table);
  if (!pin) return undefined;
  const column = identifier(source.keys?.[joinKey] ?? joinKey);
  const [time, at] = [identifier(source.eventTime), `at (version => ${pin.snapshot})`];
  const about = `${column}::varchar = ${literal(prediction.entity)} and ${time} < ${literal(utc(prediction.featureTime))}::timestamp`;
  const lines = await lake.db.number(`select count(*) from ${qualified(source.table)} ${at} where ${about}`);
  const found = await lake.db.rows(
    `select named.file_name as file, newest.* from (
       select * from ${qualified(source.table)} ${at} where ${about} order by ${time} desc, file_id, line limit ${limit}
     ) newest left join (
       select file_id, min(file_name) as file_name from bronze.files ${at} group by file_id
     ) named using (file_id) order by ${time} desc, file, line`,
  );
  const newest = found.map(({ file, line, file_id, known_at: _, ...what }) => ({
    file: String(file ?? file_id),
    line: Number(line),
    eventTime: String(what[source.eventTime]),
    what: Object.fromEntries(Object.entries(what).filter(([, value]) => value !== null)),
  }));
  return { table: source.table, snapshot: pin.snapshot, lines, newest };
};

/** The state of a bronze table that a commit was computed from, through whatever lies between. */
const pinBehind = async (lake: ReadOnlyLake, features: FeatureSource, bronze: TableName): Promise<Pin | undefined> => {
  const seen = new Set<string>();
  let next: (Commit | undefined)[] = [await lake.commits.at(features.table, features.snapshot)];
  while (next.length > 0) {
    const inputs = next.flatMap((commit) => (commit?.extra.inputs ?? []) as readonly Pin[]);
    const found = inputs.find(({ table }) => table === bronze);
    if (found) return found;
    const fresh = inputs.filter(({ key }) => !seen.has(key));
    for (const { key } of fresh) seen.add(key);
    next = await Promise.all(fresh.map(({ key }) => lake.find(key)));
  }
  return undefined;
};

const workflowOf = ({ extra }: Commit): string | null =>
  (extra.lineage as { workflow?: string } | undefined)?.workflow ?? null;

/** An ISO moment as the lake writes it: UTC, without saying so. */
const utc = (moment: string | null): string => {
  if (moment !== null) return moment.replace('T', ' ').replace('Z', '');
  throw new PerennialError('INVALID_INPUT', 'A cold start has no moment', { field: 'featureTime' });
};
