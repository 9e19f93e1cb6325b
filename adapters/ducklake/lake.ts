// The lake of one environment: a DuckLake catalog in Postgres, Parquet beside it, and the commit protocol that makes retries free.
// For activities: one Lake per activity, on a DuckDB session of its own.
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import type { Commit, CommitRequest, Write } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { identifier, literal, qualified, type SqlSession } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';
import { Commits, restoredEntry } from './commits.ts';

export interface LakeOptions<Session extends SqlSession> {
  readonly db: Session;
  /** Where the catalog is kept. */
  readonly postgres: { host: string; port: number; user: string; password: string; database: string };
  readonly metadataSchema: string;
  /** Folder or bucket of the Parquet files. */
  readonly dataPath: string;
  /** Paths of the extension binaries. */
  readonly extensions: { ducklake: string; postgres: string };
  /** Connections for the lock and for reading the commit log. */
  readonly pool: pg.Pool;
  /** Read-only, now or at a snapshot; such a session can reach nothing but the lake, and its tables need no prefix. */
  readonly readOnly?: true | { readonly snapshot: number };
  /** Files that a read-only session may write besides, e.g. the one that was asked for. */
  readonly alsoReaches?: readonly string[];
  /** Called where a process may die without harm: work is staged but not committed; committed but not acknowledged. */
  readonly crash?: (point: 'after-write' | 'after-commit') => void;
  /** Called when everything is computed: a commit waits for Postgres, and hardly needs the cores. */
  readonly beforeCommit?: () => void;
}

export interface Staged {
  readonly file: string;
  readonly rows: number;
}

/** After this a session reads the lake's files and no others, and cannot be talked out of it. */
const confine = async (db: SqlSession, dataPath: string, files: readonly string[] = []): Promise<void> => {
  await db.run(`use ${CATALOG}`);
  await db.run(`set allowed_directories = [${literal(dataPath)}]`);
  await db.run(`set allowed_paths = [${files.map(literal).join()}]`);
  await db.run('set enable_external_access = false');
  await db.run('set lock_configuration = true');
};

/** The catalog's name inside a session. */
const CATALOG = 'lake';
const PARQUET = '(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2)';

export class Lake<Session extends SqlSession = SqlSession> {
  readonly db: Session;
  readonly commits: Commits;
  private readonly options: LakeOptions<Session>;

  private constructor(options: LakeOptions<Session>) {
    this.db = options.db;
    this.options = options;
    this.commits = new Commits(options.pool, options.metadataSchema);
  }

  /** Attaches the catalog to the session; an absent catalog is created unless `readOnly`. */
  static async attach<Session extends SqlSession>(options: LakeOptions<Session>): Promise<Lake<Session>> {
    const { db, postgres: p, extensions } = options;
    await db.run(`load ${literal(extensions.ducklake)}`);
    await db.run(`load ${literal(extensions.postgres)}`);
    await db.run(
      `create or replace temporary secret lake_catalog (type postgres, host ${literal(p.host)}, port ${p.port},
        user ${literal(p.user)}, password ${literal(p.password)}, database ${literal(p.database)})`,
    );
    const at = typeof options.readOnly === 'object' ? `, SNAPSHOT_VERSION ${options.readOnly.snapshot}` : '';
    const how = options.readOnly
      ? `READ_ONLY${at}`
      : `DATA_PATH ${literal(`${options.dataPath}/`)}, DATA_INLINING_ROW_LIMIT 0`;
    const schema = literal(options.metadataSchema);
    await db.run(
      `attach 'ducklake:postgres:' as ${CATALOG} (META_SECRET 'lake_catalog', METADATA_SCHEMA ${schema}, ${how})`,
    );
    if (options.readOnly) await confine(db, options.dataPath, options.alsoReaches);
    return new Lake(options);
  }

  /** The same lake on another session, whose instance has the catalog attached. */
  on(db: Session): Lake<Session> {
    return new Lake({ ...this.options, db });
  }

  /** The commit that carries this key, if ever one did. */
  find(key: string): Promise<Commit | undefined> {
    return this.commits.find(key);
  }

  /** The newest commit that wrote the table. */
  head(table: TableName): Promise<Commit | undefined> {
    return this.commits.head(table);
  }

  /** Makes each table readable under its own name, as it stood at its snapshot. */
  async pin(
    tables: readonly { table: TableName; snapshot: number }[],
    where: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const at = await this.commits.together(tables);
    for (const { table, snapshot } of tables) {
      const [layer = ''] = table.split('.');
      await this.db.run(`create schema if not exists ${identifier(layer)}`);
      const only = where[table] === undefined ? '' : ` where ${where[table]}`;
      await this.db.run(
        `create or replace view ${qualified(table)} as from ${CATALOG}.${qualified(table)} at (version => ${at ?? snapshot})${only}`,
      );
    }
  }

  /** Writes a select to a Parquet file in the table's own folder, outside any transaction. Nobody sees it before `commit`. */
  async stage(table: TableName, select: string): Promise<Staged> {
    const file = await this.stagingFile(table);
    return { file, rows: await this.db.number(`copy (${select}) to ${literal(file)} ${PARQUET}`) };
  }

  /** A fresh path in the table's folder: two attempts never share one. */
  async stagingFile(table: TableName): Promise<string> {
    const folder = path.join(this.options.dataPath, ...table.split('.'));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return path.join(folder, `${randomBytes(12).toString('hex')}.parquet`);
  }

  /**
   * Commits staged files under the catalog's lock: found by key → the recorded result; parent moved → `PARENT_MOVED`; else one short
   * transaction that writes every table and the lineage.
   */
  async commit(request: CommitRequest): Promise<Commit> {
    this.options.crash?.('after-write');
    this.options.beforeCommit?.();
    const commit = await this.commits.locked(async () => {
      const done = await this.commits.done(request);
      if (done) return done;
      for (const write of request.writes) await this.expectParent(write);
      const rows = await this.transact(request);
      const made = await this.commits.find(request.key);
      if (!made)
        throw new PerennialError('UNAVAILABLE', 'a commit was made but cannot be read back', {
          field: 'key',
          value: request.key,
        });
      return { ...made, reused: false, tables: rows };
    });
    this.options.crash?.('after-commit');
    return commit;
  }

  private async expectParent(write: Write): Promise<void> {
    if (write.expectParent === undefined) return;
    const head = await this.commits.head(write.table);
    if ((head?.key ?? null) === write.expectParent) return;
    throw new PerennialError('PARENT_MOVED', `${write.table} was committed by somebody else meanwhile`, {
      field: 'parent',
      value: head?.key ?? null,
      mend: 'Nothing was written; the step recomputes from the new state',
    });
  }

  private async transact(request: CommitRequest): Promise<Commit['tables']> {
    const { db } = this;
    const counts: Record<string, { rows: number }> = {};
    const rows = await this.rowsByFile(request.writes.flatMap(({ files }) => files));
    for (const write of request.writes) {
      const total = write.files.reduce((sum, file) => sum + (rows.get(file) ?? 0), 0);
      counts[write.table] = { rows: total, ...restoredEntry(write) };
      await db.run(`create schema if not exists ${CATALOG}.${identifier(write.table.split('.')[0] ?? '')}`);
    }
    const extra = { ...request.extra, key: request.key, tables: counts };
    await db.run('begin');
    try {
      for (const write of request.writes) await this.apply(write, rows, write.restores?.as?.key ?? request.key);
      await db.run(
        `call ${CATALOG}.set_commit_message('perennial', ${literal(request.message)}, extra_info => ${literal(JSON.stringify(extra))})`,
      );
      await db.run('commit');
    } catch (cause) {
      // The first error is the one to report; a rollback after a failed COMMIT finds no transaction and says so.
      await db.run('rollback').catch((second: unknown) => Object.assign(cause as object, { rollback: String(second) }));
      throw cause;
    }
    return counts;
  }

  /** What is in the files themselves, whoever staged them. */
  private async rowsByFile(files: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if (files.length === 0) return new Map();
    const found = await this.db.rows(
      `select file_name, num_rows from parquet_file_metadata([${files.map(literal).join()}])`,
    );
    return new Map(found.map(({ file_name, num_rows }) => [String(file_name), Number(num_rows)]));
  }

  private async apply({ table, files, replace }: Write, rows: ReadonlyMap<string, number>, key: string): Promise<void> {
    const [layer = '', name = ''] = table.split('.');
    const target = `${CATALOG}.${qualified(table)}`;
    const [first] = files;
    if (replace === 'all' || !(await this.exists(table))) {
      if (first === undefined)
        throw new PerennialError('INVALID_INPUT', 'a new table needs a file to take its columns from', {
          field: table,
        });
      await this.db.run(`create or replace table ${target} as from read_parquet(${literal(first)}) limit 0`);
    } else if (replace !== 'nothing') {
      await this.db.run(`delete from ${target} where ${replace.where}`);
    } else if (first !== undefined) {
      await this.widen(target, first);
    }
    for (const file of files) {
      if (rows.get(file) === 0) continue;
      const added = `${literal(name)}, ${literal(file)}, schema => ${literal(layer)}`;
      await this.db.run(`call ducklake_add_data_files('${CATALOG}', ${added})`);
    }
    // A transaction that changes nothing leaves no snapshot, and so no record of its key; the comment is always a change.
    await this.db.run(`comment on table ${target} is ${literal(key)}`);
  }

  /** A table that is added to takes on the columns that its new rows have more; its old ones have nothing there. */
  private async widen(target: string, file: string): Promise<void> {
    const columns = async (of: string) => {
      const rows = await this.db.rows(`select column_name as name, column_type as type from (describe from ${of})`);
      return rows.map(({ name, type }) => ({ name: String(name), type: String(type) }));
    };
    const known = new Set((await columns(target)).map(({ name }) => name));
    for (const { name, type } of await columns(`read_parquet(${literal(file)})`))
      if (!known.has(name)) await this.db.run(`alter table ${target} add column ${identifier(name)} ${type}`);
  }

  async exists(table: TableName): Promise<boolean> {
    const [layer = '', name = ''] = table.split('.');
    const found = await this.db.number(
      `select count(*) from duckdb_tables() where database_name = '${CATALOG}' and schema_name = ${literal(layer)} and table_name = ${literal(name)}`,
    );
    return found > 0;
  }

  /**
   * Fingerprint of a table's rows at a snapshot, whatever their order or files: row count, and the exclusive or of each row's MD5 as
   * JSON. Rows are unique by the table's key, so no pair of equal rows can cancel out.
   */
  async digest(table: TableName, snapshot: number, without: readonly string[] = []): Promise<string> {
    const columns = without.length === 0 ? '*' : `* exclude (${without.map(identifier).join()})`;
    const at = `${CATALOG}.${qualified(table)} at (version => ${snapshot})`;
    const [row] = await this.db.rows(digestSql(`(select ${columns} from ${at})`));
    return String(row?.digest);
  }
}

/** A select of one row, the fingerprint of a relation; see `digest`. */
export const digestSql = (relation: string): string =>
  `select count(*)::varchar || '-' || coalesce(bit_xor(md5_number(to_json(r)::varchar)), 0)::varchar as digest from ${relation} r`;
