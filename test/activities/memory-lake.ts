// A lake in memory that keeps the commit protocol (keys, parents, deletes before adds): for tests of what activities commit.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import type { Commit, CommitRequest } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { identifier, literal, qualified } from '../../core/sql.ts';
import type { TableName } from '../../core/table.ts';

export class MemoryLake {
  readonly db: DuckDb;
  readonly folder: string;
  readonly made: Commit[] = [];
  /** Called under the lock, before the parent is checked: a test lets another run commit here. */
  beforeCommit: () => Promise<void> = async () => {};
  private files = 0;

  private constructor(db: DuckDb, folder: string) {
    this.db = db;
    this.folder = folder;
  }

  static async open(): Promise<MemoryLake> {
    const folder = await mkdtemp(join(tmpdir(), 'perennial-lake-'));
    const db = await DuckDb.open({ threads: 1, memoryLimit: '512MB', tempDirectory: join(folder, 'spill') });
    await db.run(`attach ':memory:' as lake`);
    return new MemoryLake(db, folder);
  }

  async close(): Promise<void> {
    this.db.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  async find(key: string): Promise<Commit | undefined> {
    return this.made.find((commit) => commit.key === key);
  }

  async head(table: TableName): Promise<Commit | undefined> {
    return this.made.findLast((commit) => table in commit.tables);
  }

  async exists(table: TableName): Promise<boolean> {
    const [layer = '', name = ''] = table.split('.');
    const found = await this.db.rows(
      `select 1 from duckdb_tables() where database_name = 'lake' and schema_name = ${literal(layer)} and table_name = ${literal(name)}`,
    );
    return found.length > 0;
  }

  async pin(tables: readonly { table: TableName; snapshot: number }[]): Promise<void> {
    for (const { table } of tables) {
      await this.db.run(`create schema if not exists ${identifier(table.split('.')[0] ?? '')}`);
      await this.db.run(`create or replace view ${qualified(table)} as from lake.${qualified(table)}`);
    }
  }

  async stagingFile(table: TableName): Promise<string> {
    return join(this.folder, `${table}-${this.files++}.parquet`);
  }

  async commit(request: CommitRequest): Promise<Commit> {
    await this.beforeCommit();
    const done = await this.find(request.key);
    if (done) return { ...done, reused: true };
    for (const { table, expectParent } of request.writes)
      if (expectParent !== undefined && ((await this.head(table))?.key ?? null) !== expectParent)
        throw new PerennialError('PARENT_MOVED', `${table} moved`);
    const tables: Record<string, { rows: number }> = {};
    for (const { table, files, replace } of request.writes) {
      const target = `lake.${qualified(table)}`;
      await this.db.run(`create schema if not exists lake.${identifier(table.split('.')[0] ?? '')}`);
      if (!(await this.exists(table)))
        await this.db.run(`create table ${target} as from read_parquet(${literal(files[0] ?? '')}) limit 0`);
      else if (typeof replace === 'object') await this.db.run(`delete from ${target} where ${replace.where}`);
      for (const file of files) await this.db.run(`insert into ${target} by name from read_parquet(${literal(file)})`);
      tables[table] = { rows: files.length };
    }
    const extra = JSON.parse(JSON.stringify(request.extra));
    const commit = { snapshot: this.made.length + 1, key: request.key, reused: false, tables, extra };
    this.made.push({ ...commit, reused: true });
    return commit;
  }
}
