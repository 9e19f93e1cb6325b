// Whose answers are worth making ahead: the likeliest by the champion's scores of this run, whom rankings name and campaigns ask for, and
// those whom requests asked for most often of late. Both are bounded, so that the step costs the same however many entities there are.
import type { Pin } from '../core/commit.ts';
import { predictionsTable } from '../core/prediction-log.ts';
import { identifier, literal, qualified, type SqlSession } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';

/** At least as many as a ranking may name. */
const LIKELIEST = 10_000;
const ASKED_FOR = 10_000;
/** Before the newest answer in the log: the data's time, as everywhere, so that a log of years ago counts as it did then. */
const RECENT_DAYS = 30;

export interface Bounds {
  readonly likeliest: number;
  readonly askedFor: number;
}

export interface Lookup {
  readonly useCase: string;
  readonly model: string;
  /** Column of the scores that names the entity. */
  readonly entity: string;
  /** The champion's scores; null where nothing was scored. */
  readonly scores: Pick<Pin, 'table' | 'snapshot'> | null;
}

interface ScoredLake {
  readonly db: Pick<SqlSession, 'rows'>;
  pin(tables: readonly { table: TableName; snapshot: number }[]): Promise<void>;
  exists(table: TableName): Promise<boolean>;
}

/** Each once, in order. What was asked since the log last moved to the lake counts the next time; who was unknown has no answer to make. */
export const chosenEntities = async (
  lake: ScoredLake,
  asked: Lookup,
  { likeliest = LIKELIEST, askedFor = ASKED_FOR }: Partial<Bounds> = {},
): Promise<readonly string[]> => {
  const chosen = new Set<string>();
  const choose = async (sql: string) => {
    for (const { entity } of await lake.db.rows(sql)) chosen.add(String(entity));
  };
  if (asked.scores) {
    await lake.pin([asked.scores]);
    await choose(likeliestSql(asked.scores.table, asked.entity, likeliest));
  }
  if (await lake.exists(predictionsTable)) await choose(askedForSql(asked, askedFor));
  return [...chosen].sort();
};

const likeliestSql = (scores: TableName, entity: string, limit: number): string =>
  `select ${identifier(entity)}::varchar as entity from ${qualified(scores)}
   where ${identifier(entity)} is not null order by probability desc, entity limit ${limit}`;

const askedForSql = ({ useCase, model }: Lookup, limit: number): string => {
  // What a job asks for is not looked up, and it may ask for everybody. A lake of before jobs were noted has no such column.
  const log = `(from (from (select null::uuid as job limit 0) union all by name from lake.${qualified(predictionsTable)})
    where job is null and use_case = ${literal(useCase)} and model = ${literal(model)} and not cold_start)`;
  return `select entity from ${log} where served_at > (select max(served_at) from ${log}) - interval ${RECENT_DAYS} days
    group by entity order by count(*) desc, entity limit ${limit}`;
};
