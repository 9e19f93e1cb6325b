// The commit log outlives the snapshots it speaks of: DuckLake forgets a commit's key when its snapshot expires, and a forgotten ingest
// would be done again. So what is to expire is copied into a table of ours beside the catalog first, and read from there as well.
import type pg from 'pg';
import { identifier } from '../../core/sql.ts';

const kept = (schema: string): string => `${identifier(schema)}.perennial_kept_commits`;

/** Copies the log of these snapshots. Under the catalog's lock, before they expire; copying again changes nothing. */
export const keepCommits = async (pool: pg.Pool, schema: string, snapshots: readonly number[]): Promise<void> => {
  const own = identifier(schema);
  await pool.query(
    `create table if not exists ${kept(schema)} (
       snapshot_id bigint primary key, snapshot_time timestamptz not null, commit_message text, commit_extra_info jsonb not null)`,
  );
  await pool.query(
    `create index if not exists perennial_kept_commits_by_key on ${kept(schema)} ((commit_extra_info ->> 'key'))`,
  );
  await pool.query(
    `insert into ${kept(schema)} (snapshot_id, snapshot_time, commit_message, commit_extra_info)
     select snapshot_id, snapshot_time, commit_message, commit_extra_info::jsonb
     from ${own}.ducklake_snapshot_changes join ${own}.ducklake_snapshot using (snapshot_id)
     where commit_extra_info is not null and snapshot_id = any($1) on conflict do nothing`,
    [snapshots],
  );
};

/** A relation `log` of every commit ever: what the catalog has, and what was kept of what expired. */
export const logOf = async (pool: pg.Pool, schema: string): Promise<string> => {
  const own = identifier(schema);
  const columns = 'snapshot_id, snapshot_time, commit_message, commit_extra_info';
  const live = `select ${columns.replace(/commit_extra_info$/, '$&::jsonb as $&')}
    from ${own}.ducklake_snapshot_changes join ${own}.ducklake_snapshot using (snapshot_id) where commit_extra_info is not null`;
  const { rows } = await pool.query<{ there: boolean }>('select to_regclass($1) is not null as there', [kept(schema)]);
  if (!rows[0]?.there) return `(${live}) as log`;
  // Copied but not yet expired, a commit stands in both.
  const gone = `not exists (select from ${own}.ducklake_snapshot s where s.snapshot_id = k.snapshot_id)`;
  return `(${live} union all select ${columns} from ${kept(schema)} k where ${gone}) as log`;
};
