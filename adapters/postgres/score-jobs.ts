// Scoring jobs and what they answered so far (`migrations/000017_score_jobs.sql`): asked for over HTTP, done by whichever API has the lease.
// The pool's search_path names the environment's schema.
import type { Pool, PoolClient } from 'pg';
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import type { ChunkAnswer, ScoreJob } from '../../core/score-job.ts';
import { notePredictions } from './prediction-log.ts';
import { inTransaction } from './transaction.ts';

export interface NewJob extends Pick<ScoreJob, 'id' | 'principal' | 'model'> {
  readonly bodySha256: string;
  readonly idempotencyKey?: string;
  /** Who is to be answered, chunk by chunk; undefined: everybody who is online in `view`. */
  readonly chunks?: readonly (readonly string[])[];
  readonly view: string;
}

export type Created = { readonly job: ScoreJob } | { readonly refused: 'another body' | 'too many' };

/** The next chunk of a job, for whoever claimed it. */
export interface ClaimedChunk {
  readonly job: string;
  readonly lease: string;
  readonly model: string;
  readonly chunk: number;
  /** Failed tries since the last chunk. */
  readonly tries: number;
  /** Undefined: the next of everybody, after `lastEntity`. */
  readonly entities?: readonly string[];
  readonly lastEntity: string;
  readonly isLast: boolean;
}

export interface AnsweredChunk {
  /** Its answers, all of one version. */
  readonly records: readonly LoggedPrediction[];
  /** No chunk follows. */
  readonly finished: boolean;
}

export interface ResultPage {
  readonly chunks: readonly { readonly version: number; readonly answers: readonly ChunkAnswer[] }[];
}

/** Of one principal, unfinished at once. */
const MOST_OPEN = 10;
const KEPT = `interval '7 days'`;

const COLUMNS = `id, principal, model, body_sha256, state, total, done, resumed, created_at, started_at, finished_at, expires_at, reason,
  extract(epoch from coalesce(finished_at, clock_timestamp()) - started_at)::double precision as seconds,
  (select coalesce(json_agg(json_build_object('version', version, 'rows', rows) order by version), '[]') from (
    select version, sum(rows) as rows from score_job_chunks where job = id and version is not null group by version) by_version) as versions`;

const CREATE = `
  insert into score_jobs (id, principal, model, idempotency_key, body_sha256, everybody, total, expires_at)
  select $1, $2, $3, $4, $5, $6, coalesce($7, (select count(*) from online_features where view = $8)), clock_timestamp() + ${KEPT}
  where (select count(*) from score_jobs where principal = $2 and state in ('queued', 'running')) < ${MOST_OPEN}
  on conflict (principal, idempotency_key) do nothing`;

const CHUNKS = `
  insert into score_job_chunks (job, chunk, entities)
  select $1, position - 1, array(select json_array_elements_text(part)) from json_array_elements($2::json) with ordinality as given (part, position)`;

// The one that was left alone the longest; a lease that ran out is somebody who was killed or hangs.
const CLAIM = `
  update score_jobs set state = 'running', lease = $1, lease_until = clock_timestamp() + $2 * interval '1 millisecond',
    touched_at = clock_timestamp(), started_at = coalesce(started_at, clock_timestamp()), resumed = resumed + (lease is not null)::integer
  where id = (
    select id from score_jobs where state in ('queued', 'running') and expires_at > clock_timestamp()
      and (lease_until is null or lease_until < clock_timestamp())
    order by touched_at limit 1 for update skip locked)
  returning id, model, chunks, tries, last_entity, everybody,
    (select entities from score_job_chunks where job = id and chunk = chunks) as entities,
    not exists (select from score_job_chunks where job = id and chunk > chunks) as is_last`;

// Whose lease ran out, or whose job was canceled, changes nothing.
const ADVANCE = `
  update score_jobs set done = done + $4, chunks = chunks + 1, last_entity = $5, tries = 0, reason = null, lease = null, lease_until = null,
    touched_at = clock_timestamp(),
    state = case when $6 then 'done' else state end,
    total = case when $6 then done + $4 else greatest(total, done + $4) end,
    finished_at = case when $6 then clock_timestamp() end,
    expires_at = case when $6 then clock_timestamp() + ${KEPT} else expires_at end
  where id = $1 and lease = $2 and chunks = $3 and state = 'running'`;

const ANSWER = `
  insert into score_job_chunks (job, chunk, version, answers, rows) values ($1, $2, $3, $4, $5)
  on conflict (job, chunk) do update set version = excluded.version, answers = excluded.answers, rows = excluded.rows`;

const SET_BACK = `
  update score_jobs set lease = null, lease_until = clock_timestamp() + $3 * interval '1 millisecond', tries = tries + 1, reason = $4,
    state = case when $5 then 'failed' else state end, finished_at = case when $5 then clock_timestamp() end
  where id = $1 and lease = $2 and state = 'running'`;

export class PostgresScoreJobs {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** A new job or, under the same key with the same body, the one that there is. */
  create(asked: NewJob): Promise<Created> {
    return inTransaction(this.pool, async (client) => {
      const { id, principal, model, idempotencyKey = null, bodySha256, chunks, view } = asked;
      const forgotten =
        'delete from score_jobs where principal = $1 and idempotency_key = $2 and expires_at < clock_timestamp()';
      if (idempotencyKey !== null) await client.query(forgotten, [principal, idempotencyKey]);
      const total = chunks === undefined ? null : chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const given = [id, principal, model, idempotencyKey, bodySha256, chunks === undefined, total, view];
      const made = await client.query(CREATE, given);
      if (made.rowCount === 1 && chunks !== undefined) await client.query(CHUNKS, [id, JSON.stringify(chunks)]);
      const [job] =
        made.rowCount === 1
          ? await found(client, 'id = $1', [id])
          : await found(client, KEYED, [principal, idempotencyKey]);
      if (!job) return { refused: 'too many' };
      return job.bodySha256 === bodySha256 ? { job } : { refused: 'another body' };
    });
  }

  async find(id: string): Promise<ScoreJob | undefined> {
    return (await found(this.pool, 'id = $1 and expires_at > clock_timestamp()', [id]))[0];
  }

  /** What is done already stays done. */
  async cancel(id: string): Promise<void> {
    await this.pool.query(
      `update score_jobs set state = 'canceled', finished_at = clock_timestamp(), lease = null, lease_until = null
       where id = $1 and state in ('queued', 'running')`,
      [id],
    );
  }

  /** A lease on the next chunk of some job, for so many milliseconds; undefined where there is nothing to do. */
  async claim(lease: string, ms: number): Promise<ClaimedChunk | undefined> {
    const { rows } = await this.pool.query(CLAIM, [lease, ms]);
    const [row] = rows;
    if (!row) return undefined;
    const { id: job, model, chunks: chunk, tries, last_entity: lastEntity, everybody } = row;
    const own = everybody
      ? { isLast: false }
      : { entities: row.entities as readonly string[], isLast: row.is_last as boolean };
    return { job, lease, model, chunk, tries, lastEntity, ...own };
  }

  /** The next of everybody who is online, in their order. */
  async online(view: string, after: string, limit: number): Promise<readonly string[]> {
    const { rows } = await this.pool.query<{ entity: string }>(
      'select entity from online_features where view = $1 and entity > $2 order by entity limit $3',
      [view, after, limit],
    );
    return rows.map(({ entity }) => entity);
  }

  /** Answers, their records and progress in one; false, and nothing written, where the lease is another's by now or the job was canceled. */
  commit({ job, lease, chunk, lastEntity }: ClaimedChunk, { records, finished }: AnsweredChunk): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const last = records.at(-1)?.entity ?? lastEntity;
      const advanced = await client.query(ADVANCE, [job, lease, chunk, records.length, last, finished]);
      if (advanced.rowCount !== 1) return false;
      const [first] = records;
      if (!first) return true;
      await client.query(ANSWER, [job, chunk, first.version, JSON.stringify(records.map(answerOf)), records.length]);
      await notePredictions(client, records);
      return true;
    });
  }

  /** Gives the lease back without an answer: nobody tries before `pauseMs` are over, or never again. */
  async setBack(
    { job, lease }: Pick<ClaimedChunk, 'job' | 'lease'>,
    { reason, pauseMs, failed }: { readonly reason: string; readonly pauseMs: number; readonly failed: boolean },
  ): Promise<void> {
    await this.pool.query(SET_BACK, [job, lease, pauseMs, reason, failed]);
  }

  /** Answered chunks from `from` on, `limit` of them at most. */
  async results(job: string, from: number, limit: number): Promise<ResultPage> {
    const { rows } = await this.pool.query(
      'select version, answers from score_job_chunks where job = $1 and chunk >= $2 and chunk < $3 and answers is not null order by chunk',
      [job, from, from + limit],
    );
    return { chunks: rows.map(({ version, answers }) => ({ version: Number(version), answers })) };
  }

  /** Deletes the jobs that have expired; returns how many answers went with them. */
  sweep(dryRun: boolean): Promise<number> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ answers: string }>(
        'select coalesce(sum(done), 0) as answers from score_jobs where expires_at < clock_timestamp()',
      );
      if (!dryRun) await client.query('delete from score_jobs where expires_at < clock_timestamp()');
      return Number(rows[0]?.answers ?? 0);
    });
  }
}

const answerOf = ({ id, entity, probability, coldStart, featureTime }: LoggedPrediction): ChunkAnswer => ({
  predictionId: id,
  entity,
  probability,
  coldStart,
  featureTime,
});

const KEYED = 'principal = $1 and idempotency_key = $2';

const found = async (
  client: Pick<PoolClient, 'query'> | Pool,
  where: string,
  values: readonly unknown[],
): Promise<readonly ScoreJob[]> => {
  const { rows } = await client.query(`select ${COLUMNS} from score_jobs where ${where}`, [...values]);
  const moment = (at: Date | null): string | null => at?.toISOString() ?? null;
  return rows.map((row) => ({
    id: row.id,
    principal: row.principal,
    model: row.model,
    bodySha256: row.body_sha256,
    state: row.state,
    total: Number(row.total),
    done: Number(row.done),
    resumed: row.resumed,
    seconds: row.seconds,
    versions: row.versions,
    createdAt: row.created_at.toISOString(),
    startedAt: moment(row.started_at),
    finishedAt: moment(row.finished_at),
    expiresAt: row.expires_at.toISOString(),
    reason: row.reason,
  }));
};
