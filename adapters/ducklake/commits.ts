// The lake's own memory of what was committed, read from the catalog in Postgres: by key, by table, under one lock.
import type pg from 'pg';
import { z } from 'zod';
import type { Commit, CommitRequest, Pin, Write } from '../../core/commit.ts';
import type { Head } from '../../core/data-tag.ts';
import { type Rollback, stands } from '../../core/rollback.ts';
import { identifier } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';
import { logOf } from './kept-commits.ts';

const Json = z.record(z.string(), z.unknown());
/** `restored`, `key` and `extra` are there where a rollback wrote the table; see `Restored`. */
const Entry = z.object({
  rows: z.number(),
  restored: z.number().nullable().optional(),
  key: z.string().optional(),
  extra: Json.optional(),
});
const Extra = z.looseObject({ key: z.string(), tables: z.record(z.string(), Entry) });

/** What a commit records of a write that restores. */
export const restoredEntry = ({ restores }: Write): Partial<z.infer<typeof Entry>> =>
  restores === undefined ? {} : { restored: restores.snapshot, ...restores.as };

/** Class of the advisory locks; the catalog's name is the object. */
const LOCK_CLASS = 0x1a4e;

export class Commits {
  private readonly pool: pg.Pool;
  private readonly schema: string;

  constructor(pool: pg.Pool, metadataSchema: string) {
    this.pool = pool;
    this.schema = metadataSchema;
  }

  /** The newest commit that carries the key and still stands: what a rollback took back counts as never done. */
  async find(key: string): Promise<Commit | undefined> {
    const found = await this.everMatching(`commit_extra_info ->> 'key' = $1`, [key]);
    if (found.length === 0) return undefined;
    const rollbacks = await this.rollbacks();
    return found
      .map((row) => commitOf(row))
      .find(({ snapshot, tables }) => Object.keys(tables).every((table) => stands(table, snapshot, rollbacks)));
  }

  /** The newest commit that wrote the table; where that was a rollback, under the key and lineage of what it restored. */
  async head(table: TableName): Promise<Commit | undefined> {
    const [row] = await this.matching(`commit_extra_info::jsonb -> 'tables' ? $1`, [table], 1);
    return row && commitOf(row, table);
  }

  /** The commit at a snapshot, as the head that it then was of the table. */
  async at(table: TableName, snapshot: number): Promise<Commit | undefined> {
    const wrote = `commit_extra_info::jsonb -> 'tables' ? $1 and snapshot_id = $2`;
    const [row] = await this.matching(wrote, [table, snapshot]);
    return row && commitOf(row, table);
  }

  /** Where every table stands, at one moment. */
  async heads(): Promise<Head[]> {
    const { rows } = await this.pool.query<{ table: string; snapshot: string; commit_extra_info: string }>(
      `select distinct on (name) name as table, snapshot_id as snapshot, commit_extra_info
       from ${this.changes}, jsonb_object_keys(commit_extra_info::jsonb -> 'tables') as name
       where commit_extra_info is not null order by name, snapshot_id desc`,
    );
    return rows.map((row) => {
      const { tables, key } = Extra.parse(JSON.parse(row.commit_extra_info));
      const own = tables[row.table];
      const restored = own?.restored === undefined ? {} : { restored: own.restored };
      return { table: row.table as TableName, snapshot: Number(row.snapshot), key: own?.key ?? key, ...restored };
    });
  }

  /** The commits that wrote a table and still stand, the oldest first: what it once held can be read at each of their snapshots. */
  async history(table: TableName): Promise<Commit[]> {
    const found = await this.matching(`commit_extra_info::jsonb -> 'tables' ? $1`, [table]);
    const rollbacks = await this.rollbacks();
    return found
      .map((row) => commitOf(row, table))
      .filter(({ snapshot }) => stands(table, snapshot, rollbacks))
      .reverse();
  }

  /**
   * One snapshot at which every table stands as at its own, if nothing touched any of them in between: DuckLake loads its whole catalog for
   * each snapshot that is read. What did not come by this protocol may have touched anything, but for a new schema.
   */
  async together(pins: readonly Pick<Pin, 'table' | 'snapshot'>[]): Promise<number | undefined> {
    if (pins.length < 2) return undefined;
    const newest = Math.max(...pins.map(({ snapshot }) => snapshot));
    const { rows } = await this.pool.query(
      `select from unnest($1::text[], $2::bigint[]) as pin (name, snapshot)
       join ${this.changes} later on later.snapshot_id > pin.snapshot and later.snapshot_id <= $3
       where commit_extra_info::jsonb -> 'tables' ? pin.name
          or commit_extra_info is null and changes_made not similar to 'created_schema:"[^",]*"' limit 1`,
      [pins.map(({ table }) => table), pins.map(({ snapshot }) => snapshot), newest],
    );
    return rows.length === 0 ? newest : undefined;
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

  /** All commits, the newest first; also those whose snapshots have expired. */
  async list(limit = 100): Promise<(Commit & { readonly at: string; readonly message: string })[]> {
    const found = await this.pool.query(
      `select snapshot_id, commit_message, commit_extra_info::text, snapshot_time
       from ${await logOf(this.pool, this.schema)} order by snapshot_id desc limit $1`,
      [limit],
    );
    return found.rows.map((row) => ({
      ...commitOf(row),
      at: new Date(row.snapshot_time).toISOString(),
      message: String(row.commit_message),
    }));
  }

  private get changes(): string {
    return `${identifier(this.schema)}.ducklake_snapshot_changes`;
  }

  private async rollbacks(): Promise<Rollback[]> {
    const rows = await this.everMatching(`commit_extra_info ? 'rollback'`, []);
    return rows.map((row) => {
      const { tables } = Extra.parse(JSON.parse(row.commit_extra_info));
      const to = Object.entries(tables).map(([table, { restored = null }]) => [table, restored]);
      return { snapshot: Number(row.snapshot_id), to: Object.fromEntries(to) };
    });
  }

  /** The newest first, of all there ever were. */
  private async everMatching(condition: string, values: readonly string[]): Promise<Row[]> {
    const log = await logOf(this.pool, this.schema);
    const { rows } = await this.pool.query<Row>(
      `select snapshot_id, commit_extra_info::text from ${log} where ${condition} order by snapshot_id desc`,
      [...values],
    );
    return rows;
  }

  /** The newest first, of those whose snapshots are there: where a table stands is never expired. */
  private async matching(
    condition: string,
    values: readonly (string | number)[],
    limit: number | null = null,
  ): Promise<Row[]> {
    const found = await this.pool.query<Row>(
      `select snapshot_id, commit_extra_info from ${this.changes}
       where commit_extra_info is not null and ${condition} order by snapshot_id desc limit $${values.length + 1}`,
      [...values, limit],
    );
    return found.rows;
  }
}

interface Row {
  readonly snapshot_id: unknown;
  readonly commit_extra_info: string;
}

/** As the whole commit, or as the head of one of its tables. */
const commitOf = (row: Row, table?: TableName): Commit => {
  const extra = Extra.parse(JSON.parse(row.commit_extra_info));
  const own = table === undefined ? undefined : extra.tables[table];
  const { key = extra.key, extra: restored } = own ?? {};
  return {
    snapshot: Number(row.snapshot_id),
    key,
    tables: extra.tables,
    extra: restored === undefined ? extra : { ...extra, ...restored },
    reused: true,
  };
};
