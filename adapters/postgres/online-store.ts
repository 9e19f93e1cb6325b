// The online store: the newest features of each entity, one jsonb row by (view, entity), for serving and for the materialise stage.
import type { Pool, PoolClient } from 'pg';
import type { FeatureValue } from '../../core/feature-value.ts';
import { inTransaction } from './transaction.ts';

export interface OnlineRow {
  readonly entity: string;
  readonly values: Readonly<Record<string, FeatureValue>>;
  /** ISO 8601 with zone: the moment the features describe. */
  readonly eventTime: string;
  /** ISO 8601 with zone: when the newest fact behind them was ingested. */
  readonly knownAt: string;
}

/** A row as it is read. */
export interface ReadRow extends OnlineRow {
  /** True: the view has moved on by more than its TTL since the moment the features describe; they speak for nobody any more. */
  readonly expired?: true | undefined;
}

/** A row as it is written. */
export interface WrittenRow extends OnlineRow {
  /** Up to when its writer knew every fact, ISO 8601 with zone; without one, `knownAt`. */
  readonly horizon?: string;
}

export interface Watermark {
  readonly lastEntity: string | null;
  readonly rowsDone: number;
  readonly finished: boolean;
}

export interface BatchProgress {
  /** Identifies the materialisation; a retry of it has the same key. */
  readonly runKey: string;
  readonly lastEntity: string | null;
  readonly rowsDone: number;
  readonly finished: boolean;
}

// One row per entity survives the batch (ON CONFLICT may not touch a row twice), in key order (so that two writers never deadlock).
// An older event_time never wins; at equal event_time the wider knowledge does (horizon, then known_at); at a full tie the later write
// does, if it says anything new.
const COLUMNS = 'entity text, "values" json, "eventTime" timestamptz, "knownAt" timestamptz, horizon timestamptz';
const NEW = 'excluded.event_time, excluded.horizon, excluded.known_at';
const OLD = 'old.event_time, coalesce(old.horizon, old.known_at), old.known_at';
const UPSERT = `
  insert into online_features as old (view, entity, "values", event_time, known_at, horizon)
  select $1, entity, "values"::jsonb, "eventTime", "knownAt", horizon
  from (
    select distinct on (entity) entity, "values", "eventTime", "knownAt", coalesce(horizon, "knownAt") as horizon
    from rows from (json_to_recordset($2::json) as (${COLUMNS}))
      with ordinality as given (entity, "values", "eventTime", "knownAt", horizon, position)
    order by entity, "eventTime" desc, coalesce(horizon, "knownAt") desc, "knownAt" desc, position desc
  ) newest
  order by entity
  on conflict (view, entity) do update
    set "values" = excluded."values", event_time = excluded.event_time, known_at = excluded.known_at, horizon = excluded.horizon
    where (${NEW}) > (${OLD}) or ((${NEW}) = (${OLD}) and excluded."values" <> old."values")`;
const CHANGE = `
  with changed as (${UPSERT} returning event_time) select count(*)::integer as rows, max(event_time) as newest from changed`;

/** Channel on which servers hear that rows of a view changed; the payload names the view. */
export const FEATURES_CHANNEL = 'perennial_features';
const ANNOUNCE = 'select pg_notify($1, $2)';

const MARK = `
  insert into online_watermarks as old (view, run_key, last_entity, rows_done, finished) values ($1, $2, $3, $4, $5)
  on conflict (view, run_key) do update
    set last_entity = excluded.last_entity, rows_done = excluded.rows_done, finished = excluded.finished
    where old.rows_done <= excluded.rows_done and not old.finished`;

/** SQL for the moment before which a view's rows have expired; null where they never do. */
export const oldestSql = (view: string, ttlDays: string): string =>
  `(select newest - make_interval(hours => 24 * ${ttlDays}) from online_generations where view = ${view})`;

/** SQL for the days that stand with a view's version. */
export const ttlSql = (view: string): string =>
  `(select ttl_days from feature_views where table_name || '@' || version = ${view})`;

// Of a view that is folded from a stream the caller knows the TTL.
const READ = {
  name: 'online-read',
  text: `
    select entity, "values", event_time, known_at,
      coalesce(event_time < ${oldestSql('$1', `coalesce($3::integer, ${ttlSql('$1')})`)}, false) as expired
    from online_features where view = $1 and entity = any($2::text[])`,
};

// A promotion moves a revision, which only ever grows: whatever was read before it counts no more either.
const GENERATION = {
  name: 'online-generation',
  text: `select generation || '.' || (select coalesce(sum(revision), 0) from aliases) as generation
    from online_generations where view = $1`,
};
const RENEW = `
  insert into online_generations as old (view, newest) values ($1, $2) on conflict (view) do update
    set generation = excluded.generation, newest = greatest(old.newest, excluded.newest)`;

interface StoredRow {
  readonly entity: string;
  readonly values: Record<string, FeatureValue>;
  readonly event_time: Date;
  readonly known_at: Date;
  readonly expired: boolean;
}

/** Reads and writes online features; the pool's search_path names the environment's schema. Errors are node-postgres's own. */
export class PostgresOnlineStore {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** Upserts rows of a view and, in the same transaction, moves the watermark if `progress` is given. Returns the rows that changed. */
  upsertBatch(view: string, rows: readonly WrittenRow[], progress?: BatchProgress): Promise<number> {
    return this.upsertJson(view, JSON.stringify(rows), progress);
  }

  /** The same for a JSON array of rows: an engine that writes JSON by itself spares us a million small objects. */
  upsertJson(view: string, rows: string, progress?: BatchProgress): Promise<number> {
    return inTransaction(this.pool, async (client) => {
      const changed = await upsert(client, view, rows, true);
      if (progress) await mark(client, view, progress);
      return changed;
    });
  }

  /**
   * Upserts rows that did not come from the lake, and tells servers of it if anything changed. Returns the rows that changed.
   * `moves`: the view's time goes on with them, as it does where nothing else writes it; else one entity's row ages no other.
   */
  push(view: string, rows: readonly WrittenRow[], { moves = false } = {}): Promise<number> {
    return inTransaction(this.pool, async (client) => {
      const changed = await upsert(client, view, JSON.stringify(rows), moves);
      if (changed > 0) await client.query(ANNOUNCE, [FEATURES_CHANNEL, view]);
      return changed;
    });
  }

  /**
   * The newest features of the entities that are known; the others are absent from the map. One query. A row is expired once the newest
   * moment that was materialised of its view lies more than the view's TTL after its own: data are as old as what came after them, so a
   * lake of years ago serves as it did then. `ttlDays`: of a view without a version.
   */
  async read(view: string, entities: readonly string[], ttlDays?: number): Promise<ReadonlyMap<string, ReadRow>> {
    const { rows } = await this.pool.query<StoredRow>({ ...READ, values: [view, entities, ttlDays ?? null] });
    return new Map(rows.map((row) => [row.entity, toOnlineRow(row)]));
  }

  /**
   * Names what the view's rows and the champions are now; undefined for a view that nobody wrote yet. Rows that are read after it was
   * told are as new as it is, or newer.
   */
  async generation(view: string): Promise<string | undefined> {
    const { rows } = await this.pool.query<{ generation: string }>({ ...GENERATION, values: [view] });
    return rows[0]?.generation;
  }

  /** Up to when the writers of these entities' rows knew every fact. */
  async horizons(view: string, entities: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.pool.query<{ entity: string; horizon: Date }>(
      `select entity, coalesce(horizon, known_at) as horizon from online_features where view = $1 and entity = any($2::text[])`,
      [view, entities],
    );
    return new Map(rows.map(({ entity, horizon }) => [entity, horizon.toISOString()]));
  }

  /** How far the materialisation `runKey` of a view got; undefined if it never committed a chunk. */
  async watermark(view: string, runKey: string): Promise<Watermark | undefined> {
    const { rows } = await this.pool.query<{ last_entity: string | null; rows_done: string; finished: boolean }>(
      'select last_entity, rows_done, finished from online_watermarks where view = $1 and run_key = $2',
      [view, runKey],
    );
    const [row] = rows;
    return row && { lastEntity: row.last_entity, rowsDone: Number(row.rows_done), finished: row.finished };
  }

  /**
   * Lets the materialisations of these tables' views begin anew, in every version: the lake was brought back to what an earlier one had
   * copied, and what it knows since then counts no more.
   */
  async reopen(tables: readonly string[]): Promise<void> {
    await this.pool.query(
      `update online_watermarks set last_entity = null, rows_done = 0, finished = false where split_part(view, '@', 1) = any($1::text[])`,
      [tables],
    );
    await this.pool.query(
      `update online_features set horizon = 'epoch' where split_part(view, '@', 1) = any($1::text[])`,
      [tables],
    );
  }

  /** Tells servers that rows of the view changed. */
  async announce(view: string): Promise<void> {
    await this.pool.query(ANNOUNCE, [FEATURES_CHANNEL, view]);
  }

  /** True if the database answers. */
  async reachable(): Promise<boolean> {
    return this.pool.query('select 1').then(
      () => true,
      () => false,
    );
  }
}

// The last of its locks: two writers of a view wait for each other here no longer than a commit takes.
const upsert = async (client: PoolClient, view: string, rows: string, moves: boolean): Promise<number> => {
  const changed = await client.query<{ rows: number; newest: Date | null }>(CHANGE, [view, rows]);
  const { rows: count, newest } = changed.rows[0] ?? { rows: 0, newest: null };
  if (count > 0) await client.query(RENEW, [view, moves ? newest : null]);
  return count;
};

const mark = (client: PoolClient, view: string, { runKey, lastEntity, rowsDone, finished }: BatchProgress) =>
  client.query(MARK, [view, runKey, lastEntity, rowsDone, finished]);

const toOnlineRow = ({ entity, values, event_time, known_at, expired }: StoredRow): ReadRow => ({
  entity,
  values,
  eventTime: event_time.toISOString(),
  knownAt: known_at.toISOString(),
  ...(expired && { expired }),
});
