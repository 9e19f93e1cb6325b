// Which versions of which feature views there are, and what the online store holds of them: for materialise, push and `perennial features`.
import type { Pool } from 'pg';
import { z } from 'zod';

const ViewVersionRow = z
  .strictObject({
    view: z.string(),
    version: z.string(),
    use_case: z.string(),
    table_name: z.string(),
    entity: z.string(),
    features: z.array(z.strictObject({ name: z.string(), kind: z.enum(['numeric', 'categorical']) })),
    owner: z.string().nullable(),
    ttl_days: z.number().nullable(),
    materialized_at: z.date(),
  })
  .transform((row) => ({
    view: row.view,
    version: row.version,
    useCase: row.use_case,
    table: row.table_name,
    entity: row.entity,
    features: row.features,
    owner: row.owner,
    ttlDays: row.ttl_days,
    materializedAt: row.materialized_at.toISOString(),
  }));

export type ViewVersion = z.infer<typeof ViewVersionRow>;
export type NewViewVersion = Omit<ViewVersion, 'materializedAt'>;

export interface OnlineExtent {
  readonly rows: number;
  /** ISO 8601; null where there are no rows. */
  readonly eventTime: string | null;
  readonly knownAt: string | null;
}

export class PostgresFeatureRegistry {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** Records that a version of a view is online; it is the newest now, and its TTL is what is said now. */
  async record({ view, version, useCase, table, entity, features, owner, ttlDays }: NewViewVersion): Promise<void> {
    await this.pool.query(
      `insert into feature_views (view, version, use_case, table_name, entity, features, owner, ttl_days)
       values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (view, version) do update set materialized_at = clock_timestamp(), ttl_days = excluded.ttl_days`,
      [view, version, useCase, table, entity, JSON.stringify(features), owner, ttlDays],
    );
  }

  /** The versions of a view, or of all, the one materialised last first. */
  async versions(view?: string): Promise<ViewVersion[]> {
    const { rows } = await this.pool.query(
      `select view, version, use_case, table_name, entity, features, owner, ttl_days, materialized_at
       from feature_views where $1::text is null or view = $1 order by materialized_at desc, version`,
      [view ?? null],
    );
    return z.array(ViewVersionRow).parse(rows);
  }

  /** What the online store holds under a name. */
  async extent(onlineName: string): Promise<OnlineExtent> {
    const { rows } = await this.pool.query<{ rows: string; event_time: Date | null; known_at: Date | null }>(
      'select count(*) as rows, max(event_time) as event_time, max(known_at) as known_at from online_features where view = $1',
      [onlineName],
    );
    const [row] = rows;
    return {
      rows: Number(row?.rows ?? 0),
      eventTime: row?.event_time?.toISOString() ?? null,
      knownAt: row?.known_at?.toISOString() ?? null,
    };
  }
}
