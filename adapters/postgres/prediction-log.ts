// The log of predictions between the API, which writes it in batches, and the lake, which takes it batch by batch. The pool's search_path
// names the environment's schema (`migrations/000011_predictions.sql`).
import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import { orRefused } from './refusal.ts';

const Row = z
  .object({
    id: z.string(),
    served_at: z.date(),
    use_case: z.string(),
    model: z.string(),
    version: z.coerce.number(),
    package_sha256: z.string(),
    view: z.string(),
    entity: z.string(),
    probability: z.number(),
    features: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
    feature_time: z.date().nullable(),
    known_at: z.date().nullable(),
    cold_start: z.boolean(),
    stale: z.boolean(),
    job: z.string().nullable(),
  })
  .transform(
    (row): LoggedPrediction => ({
      id: row.id,
      servedAt: row.served_at.toISOString(),
      useCase: row.use_case,
      model: row.model,
      version: row.version,
      packageSha256: row.package_sha256,
      view: row.view,
      entity: row.entity,
      probability: row.probability,
      features: row.features,
      featureTime: row.feature_time?.toISOString() ?? null,
      knownAt: row.known_at?.toISOString() ?? null,
      coldStart: row.cold_start,
      stale: row.stale,
      job: row.job,
    }),
  );

/** Rows that go to the lake together, now or at the next try. */
export interface ClaimedPredictions {
  readonly batch: string;
  readonly rows: readonly LoggedPrediction[];
}

const COLUMNS = `id, served_at, use_case, model, version, package_sha256, view, entity, probability, features, feature_time, known_at, cold_start, stale, job`;
const given = (
  rows: string,
): string => `json_to_recordset(${rows}::json) as given (id uuid, "servedAt" timestamptz, "useCase" text, model text,
    version bigint, "packageSha256" text, view text, entity text, probability double precision, features json,
    "featureTime" timestamptz, "knownAt" timestamptz, "coldStart" boolean, stale boolean, job uuid)`;

// One statement: the flush and its rows are written together or not at all, and a second time not at all.
const WRITE = `
  with flush as (insert into prediction_flushes (id) values ($1) on conflict do nothing returning id)
  insert into predictions (${COLUMNS}) select given.* from flush, ${given('$2')}`;

const NOTE = `insert into predictions (${COLUMNS}) select given.* from ${given('$1')}`;

/** Notes answers as part of a transaction that gives them. @throws PerennialError INVALID_INPUT for what can never be stored. */
export const notePredictions = async (client: PoolClient, rows: readonly LoggedPrediction[]): Promise<void> => {
  await orRefused('answers', client.query(NOTE, [JSON.stringify(rows)]));
};

const CLAIM = `
  update predictions set batch = $1 where id in (
    select id from predictions where batch is null order by served_at, id limit $2 for update skip locked)`;

/** How long a flush is remembered: far longer than the API would try it. */
const FORGET_FLUSHES = `delete from prediction_flushes where at < clock_timestamp() - interval '7 days'`;

export class PostgresPredictionLog {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** Whole or not at all; the same batch again changes nothing. @throws PerennialError INVALID_INPUT for what can never be stored. */
  async write({ id, rows }: { readonly id: string; readonly rows: readonly LoggedPrediction[] }): Promise<void> {
    const query = { name: 'prediction-log-write', text: WRITE, values: [id, JSON.stringify(rows)] };
    await orRefused('batch', this.pool.query(query));
  }

  /** A prediction that was not moved to the lake yet. */
  async find(id: string): Promise<LoggedPrediction | undefined> {
    const { rows } = await this.pool.query('select * from predictions where id = $1', [id]);
    return rows[0] && Row.parse(rows[0]);
  }

  /** A batch that somebody claimed and did not finish, else up to `limit` of the oldest; undefined where nothing waits. */
  async claim(limit: number): Promise<ClaimedPredictions | undefined> {
    const left = await this.pool.query<{ batch: string }>(
      'select batch from predictions where batch is not null order by batch limit 1',
    );
    const batch = left.rows[0]?.batch ?? randomUUID();
    if (!left.rows[0]) await this.pool.query(CLAIM, [batch, limit]);
    const { rows } = await this.pool.query('select * from predictions where batch = $1 order by served_at, id', [
      batch,
    ]);
    return rows.length === 0 ? undefined : { batch, rows: rows.map((row) => Row.parse(row)) };
  }

  /** The batch is in the lake: its rows are not needed here any more. */
  async settle(batch: string): Promise<void> {
    await this.pool.query('delete from predictions where batch = $1', [batch]);
    await this.pool.query(FORGET_FLUSHES);
  }

  /** Whether anything waits to be moved. */
  async waiting(): Promise<boolean> {
    const { rows } = await this.pool.query<{ waiting: boolean }>('select exists (select from predictions) as waiting');
    return rows[0]?.waiting ?? false;
  }
}
