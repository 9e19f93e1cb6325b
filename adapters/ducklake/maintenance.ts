// The upkeep of one lake, each deed under the lock that commits take: merge small files, expire snapshots, delete what nothing knows.
// For the activities of `maintain` and `sweep`. Every deed may be killed anywhere and done again.
import { stat } from 'node:fs/promises';
import type pg from 'pg';
import { PerennialError } from '../../core/errors.ts';
import type { Deleted, Merged } from '../../core/maintenance.ts';
import type { LoggedCommit, NeededPin, Retention, SnapshotTime } from '../../core/retention.ts';
import { identifier, literal, qualified } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';
import { keepCommits, logOf } from './kept-commits.ts';
import type { Lake } from './lake.ts';

export interface UpkeepOptions {
  readonly lake: Lake;
  readonly pool: pg.Pool;
  readonly metadataSchema: string;
  /** Called where a process may die without harm: the log is copied, but nothing has expired yet. */
  readonly crash?: (point: 'after-write') => void;
}

export interface Fragmented {
  readonly table: TableName;
  readonly files: number;
}

/** A file of this size needs no company. */
const SMALL_BYTES = 64 * 2 ** 20;
/** Snapshots that one statement expires. */
const BATCH = 500;

/**
 * Files that DuckLake writes itself are compressed like ours, in every session that is opened after this. Said to the catalog directly:
 * DuckLake's own statement for it needs the right to make temporary tables, which services do not have.
 */
export const compressLikeOurs = async (pool: pg.Pool, metadataSchema: string): Promise<void> => {
  const options = `${identifier(metadataSchema)}.ducklake_metadata`;
  const { rows } = await pool.query<{ there: boolean }>('select to_regclass($1) is not null as there', [options]);
  if (!rows[0]?.there) return;
  await pool.query(
    `insert into ${options} (key, value) select 'parquet_compression', 'zstd'
     where not exists (select from ${options} where key = 'parquet_compression' and scope is null)`,
  );
};

export class LakeUpkeep {
  private readonly options: UpkeepOptions;
  private readonly space: string;

  constructor(options: UpkeepOptions) {
    this.options = options;
    this.space = identifier(options.metadataSchema);
  }

  /** Tables that lie in many small files, the worst first. */
  async fragmented(from: number): Promise<readonly Fragmented[]> {
    const { rows } = await this.options.pool.query<{ name: TableName; files: number }>(
      `select s.schema_name || '.' || t.table_name as name, count(*)::int as files
       from ${this.space}.ducklake_data_file f join ${this.space}.ducklake_table t using (table_id)
         join ${this.space}.ducklake_schema s using (schema_id)
       where f.end_snapshot is null and t.end_snapshot is null and s.end_snapshot is null and f.file_size_bytes < $1
       group by 1 having count(*) >= $2 order by 2 desc, 1`,
      [SMALL_BYTES, from],
    );
    return rows.map(({ name, files }) => ({ table: name, files }));
  }

  /**
   * Makes few files of a table's many. Earlier snapshots read the merged file too, each its own rows.
   * @throws PerennialError LAW_BROKEN where the table has not the same number of rows as before; its old files are still there then.
   */
  async merge({ table, files: filesBefore }: Fragmented): Promise<Merged['tables'][number]> {
    const { lake } = this.options;
    const [layer = '', name = ''] = table.split('.');
    return lake.commits.locked(async () => {
      const before = await this.rowsOf(table);
      const merged = await lake.db.rows(
        `call ducklake_merge_adjacent_files('lake', ${literal(name)}, schema => ${literal(layer)})`,
      );
      const after = await this.rowsOf(table);
      if (before !== after) {
        throw new PerennialError(
          'LAW_BROKEN',
          `merging the files of ${table} changed its rows from ${before} to ${after}`,
          {
            field: 'table',
            value: table,
            mend: 'Roll the table back to a snapshot before the merge; clean nothing up until then',
          },
        );
      }
      const gone = merged.reduce((sum, row) => sum + Number(row.files_processed) - Number(row.files_created), 0);
      return { table, filesBefore, filesAfter: filesBefore - gone };
    });
  }

  /** Expires what `decide` names, given what there is under the lock; the log of what goes is kept first. */
  async expire(
    decide: (snapshots: readonly SnapshotTime[], log: readonly LoggedCommit[]) => Retention,
    dryRun: boolean,
  ): Promise<Retention> {
    const { lake, pool, metadataSchema, crash } = this.options;
    return lake.commits.locked(async () => {
      const decided = decide(await this.snapshots(), await this.log());
      if (dryRun || decided.expire.length === 0) return decided;
      await keepCommits(pool, metadataSchema, decided.expire);
      crash?.('after-write');
      for (let from = 0; from < decided.expire.length; from += BATCH) {
        const versions = decided.expire.slice(from, from + BATCH).join(', ');
        await lake.db.run(`call ducklake_expire_snapshots('lake', versions => [${versions}])`);
      }
      return decided;
    });
  }

  /** Deletes files that were given up (merged, or of expired snapshots) before a moment. */
  deleteOld(before: string, dryRun: boolean): Promise<Deleted> {
    return this.delete('ducklake_cleanup_old_files', before, dryRun);
  }

  /** Deletes files last written before a moment that no snapshot ever knew. A younger one may be about to be committed. */
  deleteOrphans(before: string, dryRun: boolean): Promise<Deleted> {
    return this.delete('ducklake_delete_orphaned_files', before, dryRun);
  }

  /** Every commit there ever was, the oldest first. */
  async log(): Promise<readonly LoggedCommit[]> {
    const { pool, metadataSchema } = this.options;
    const { rows } = await pool.query<{ snapshot_id: string; extra: LogEntry }>(
      `select snapshot_id, commit_extra_info as extra from ${await logOf(pool, metadataSchema)} order by snapshot_id`,
    );
    return rows.map(({ snapshot_id, extra }) => loggedOf(Number(snapshot_id), extra));
  }

  private async snapshots(): Promise<SnapshotTime[]> {
    const { rows } = await this.options.pool.query<{ snapshot_id: string; snapshot_time: Date }>(
      `select snapshot_id, snapshot_time from ${this.space}.ducklake_snapshot order by 1`,
    );
    return rows.map((row) => ({ snapshot: Number(row.snapshot_id), at: row.snapshot_time.getTime() }));
  }

  private rowsOf(table: TableName): Promise<number> {
    return this.options.lake.db.number(`select count(*) from lake.${qualified(table)}`);
  }

  private async delete(call: string, before: string, dryRun: boolean): Promise<Deleted> {
    const { lake } = this.options;
    const older = `older_than => timestamptz ${literal(before)}`;
    return lake.commits.locked(async () => {
      const found = await lake.db.rows(`call ${call}('lake', dry_run => true, ${older})`);
      const sizes = await Promise.all(found.map(({ path }) => bytesOf(String(path))));
      if (!dryRun && found.length > 0) await lake.db.run(`call ${call}('lake', ${older})`);
      return { files: found.length, bytes: sizes.reduce((sum, bytes) => sum + bytes, 0) };
    });
  }
}

interface LogEntry {
  readonly key: string;
  readonly tables: Readonly<Record<string, { key?: string; extra?: { inputs?: NeededPin[]; ledger?: number | null } }>>;
  readonly inputs?: readonly NeededPin[];
  readonly ledger?: number | null;
}

/** A table that a rollback wrote carries the key and the lineage of what it restored. */
const loggedOf = (snapshot: number, { key, tables, inputs, ledger }: LogEntry): LoggedCommit => {
  const entries = Object.entries(tables);
  const restored = entries.flatMap(([, { extra }]) => extra ?? []);
  return {
    snapshot,
    tables: Object.fromEntries(entries.map(([table, own]) => [table, own.key ?? key])),
    inputs: [...(inputs ?? []), ...restored.flatMap((extra) => extra.inputs ?? [])],
    ledger: ledger ?? restored.find((extra) => typeof extra.ledger === 'number')?.ledger ?? null,
  };
};

/** In a bucket, or gone already: not counted. */
const bytesOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
};
