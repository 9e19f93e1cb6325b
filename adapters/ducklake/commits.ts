// The lake's own memory of what was committed, read from the catalog in Postgres: by key, by table, under one lock.
import type pg from 'pg';
import { z } from 'zod';
import type { Commit, CommitRequest } from '../../core/commit.ts';
import { identifier } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';

const Extra = z.looseObject({ key: z.string(), tables: z.record(z.string(), z.object({ rows: z.number() })) });

/** Class of the advisory locks; the catalog's name is the object. */
const LOCK_CLASS = 0x1a4e;

export class Commits {
  private readonly pool: pg.Pool;
  private readonly schema: string;

  constructor(pool: pg.Pool, metadataSchema: string) {
    this.pool = pool;
    this.schema = metadataSchema;
  }

  find(key: string): Promise<Commit | undefined> {
    return this.newest(`commit_extra_info::jsonb ->> 'key' = $1`, key);
  }

  head(table: TableName): Promise<Commit | undefined> {
    return this.newest(`commit_extra_info::jsonb -> 'tables' ? $1`, table);
  }

  /** The earlier commit that makes this request superfluous. */
  async done({ key, once, writes }: CommitRequest): Promise<Commit | undefined> {
    if (once === 'ever') return this.find(key);
    for (const { table } of writes) if ((await this.head(table))?.key !== key) return undefined;
    return this.find(key);
  }

  /** Runs `work` while no other process commits to this catalog. The lock goes with its connection, should the process die. */
  async locked<T>(work: () => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    try {
      await client.query('select pg_advisory_lock($1, hashtext($2))', [LOCK_CLASS, this.schema]);
      return await work();
    } finally {
      // Destroying the connection releases the lock even where an unlock statement could not be sent.
      client.release(true);
    }
  }

  /** All commits, the newest first. */
  async list(limit = 100): Promise<(Commit & { readonly at: string; readonly message: string })[]> {
    const found = await this.pool.query(
      `select c.snapshot_id, c.commit_message, c.commit_extra_info, s.snapshot_time
       from ${identifier(this.schema)}.ducklake_snapshot_changes c join ${identifier(this.schema)}.ducklake_snapshot s using (snapshot_id)
       where c.commit_extra_info is not null order by c.snapshot_id desc limit $1`,
      [limit],
    );
    return found.rows.map((row) => ({
      ...commitOf(row),
      at: new Date(row.snapshot_time).toISOString(),
      message: String(row.commit_message),
    }));
  }

  private async newest(condition: string, value: string): Promise<Commit | undefined> {
    const found = await this.pool.query(
      `select snapshot_id, commit_extra_info from ${identifier(this.schema)}.ducklake_snapshot_changes
       where commit_extra_info is not null and ${condition} order by snapshot_id desc limit 1`,
      [value],
    );
    return found.rows[0] === undefined ? undefined : commitOf(found.rows[0]);
  }
}

const commitOf = (row: { snapshot_id: unknown; commit_extra_info: string }): Commit => {
  const extra = Extra.parse(JSON.parse(row.commit_extra_info));
  return { snapshot: Number(row.snapshot_id), key: extra.key, tables: extra.tables, extra, reused: true };
};
