// One DuckDB instance for one activity at a time: bounded memory and threads, never shared while somebody works.
import { mkdir } from 'node:fs/promises';
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import type { JsonRow, SqlSession } from '../../core/sql.ts';

export type { JsonRow } from '../../core/sql.ts';
export { identifier, literal } from '../../core/sql.ts';

export interface DuckDbLimits {
  readonly threads: number;
  /** DuckDB size text, e.g. `4GB`. */
  readonly memoryLimit: string;
  /** Where it may spill. */
  readonly tempDirectory: string;
  /** The extensions' signatures were checked already in this process; see `extensions.ts`. */
  readonly extensionsVerified?: boolean;
}

/** Puts an empty catalog in the place of the one that holds whatever was made. */
const AFRESH = [
  `attach ':memory:' as aside`,
  'use aside',
  'detach memory',
  `attach ':memory:' as memory`,
  'use memory',
  'detach aside',
];

/** A DuckDB connection with the few verbs we use. */
export class DuckDb implements SqlSession {
  readonly connection: DuckDBConnection;
  private readonly instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.instance = instance;
    this.connection = connection;
  }

  static async open(limits: DuckDbLimits): Promise<DuckDb> {
    await mkdir(limits.tempDirectory, { recursive: true });
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(limits.threads),
      memory_limit: limits.memoryLimit,
      temp_directory: limits.tempDirectory,
      autoinstall_known_extensions: 'false',
      preserve_insertion_order: 'false',
      allow_unsigned_extensions: String(limits.extensionsVerified ?? false),
    });
    return DuckDb.connect(instance);
  }

  /** Every connection begins in the machine's time zone. */
  private static async connect(instance: DuckDBInstance): Promise<DuckDb> {
    const db = new DuckDb(instance, await instance.connect());
    await db.run(`set timezone = 'UTC'`);
    return db;
  }

  /** A second connection to the same instance: its statements run beside this one's, within the same limits. It ends with the instance. */
  beside(): Promise<DuckDb> {
    return DuckDb.connect(this.instance);
  }

  /** Ends this session; the next of the same instance finds no table, view or variable that this one made. Attached catalogs stay. */
  async anew(): Promise<DuckDb> {
    this.connection.closeSync();
    const next = await this.beside();
    for (const sql of AFRESH) await next.run(sql);
    return next;
  }

  /** Runs one statement, with positional parameters, for its effect. */
  async run(sql: string, params?: DuckDBValue[]): Promise<void> {
    await this.connection.run(sql, params);
  }

  /** Rows as JSON-safe values: 64-bit integers, decimals and times become strings. */
  async rows(sql: string, params?: DuckDBValue[]): Promise<JsonRow[]> {
    const reader = await this.connection.runAndReadAll(sql, params);
    return reader.getRowObjectsJson() as JsonRow[];
  }

  /** The first column of the first row as a number. */
  async number(sql: string, params?: DuckDBValue[]): Promise<number> {
    const [row] = await this.rows(sql, params);
    return Number(Object.values(row ?? {})[0]);
  }

  /** Stops a running query; used on cancellation. */
  interrupt(): void {
    this.connection.interrupt();
  }

  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
  }
}
