// Puts files into a scratch folder and reads them as one chunk: what the tests of the reader share.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type FileOutcome, type ReadRequest, readFiles } from '../../../adapters/duckdb/read-files.ts';
import { DuckDb } from '../../../adapters/duckdb/session.ts';
import type { Source } from '../../../core/source.ts';
import type { JsonRow } from '../../../core/sql.ts';

/** A small shop: every kind of rule in five columns. */
export const shop: Source = {
  name: 'shop',
  description: 'test',
  table: 'bronze.shop',
  eventTime: 'at',
  refuseAbove: 1,
  contract: z.strictObject({
    at: z.string().meta({ sql: 'TIMESTAMP', formats: ['%Y-%m-%d %H:%M:%S UTC', '%Y-%m-%d %H:%M:%S'] }),
    kind: z.enum(['view', 'cart']).meta({ sql: 'VARCHAR' }),
    brand: z
      .string()
      .max(20)
      .nullable()
      .meta({ sql: 'VARCHAR', nullValues: ['NA'] }),
    price: z.number().min(0).meta({ sql: 'DECIMAL(12,2)' }),
    user: z.int().meta({ sql: 'INTEGER' }),
  }),
};

export const HEADER = 'at,kind,brand,price,user';
export const GOOD = '2024-05-01 10:00:00 UTC,view,acme,9.99,7';

const LANES = ['out-first.parquet', 'out-second.parquet'];

export interface Reading {
  readonly outcomes: readonly FileOutcome[];
  /** Accepted rows in the order of file and line. */
  readonly rows: readonly JsonRow[];
  readonly bad: readonly JsonRow[];
  readonly ledger: readonly JsonRow[];
  /** Names of the Parquet files that hold the rows. */
  readonly written: readonly string[];
}

export class Bench {
  readonly folder: string;
  readonly db: DuckDb;

  private constructor(folder: string, db: DuckDb) {
    this.folder = folder;
    this.db = db;
  }

  static async open(limits: { threads?: number; memoryLimit?: string } = {}): Promise<Bench> {
    const folder = await mkdtemp(join(tmpdir(), 'perennial-read-'));
    const tempDirectory = join(folder, 'spill');
    return new Bench(folder, await DuckDb.open({ threads: 2, memoryLimit: '1GB', tempDirectory, ...limits }));
  }

  async close(): Promise<void> {
    this.db.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Reads one file and returns its account, its rows and its quarantine. */
  async one(content: string | Buffer, over: Partial<ReadRequest> = {}): Promise<Reading & { outcome: FileOutcome }> {
    const reading = await this.all({ 'one.csv': content }, over);
    const [outcome] = reading.outcomes;
    if (!outcome) throw new Error('the reader returned no outcome');
    return { ...reading, outcome };
  }

  async all(files: Record<string, string | Buffer>, over: Partial<ReadRequest> = {}): Promise<Reading> {
    const paths: string[] = [];
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.folder, name);
      await writeFile(path, content);
      paths.push(path);
    }
    return this.paths(paths, over);
  }

  /** `beside`: further connections, as ingestion has them. */
  async paths(
    paths: readonly string[],
    { together = LANES, ...over }: Partial<ReadRequest> & { together?: readonly string[] } = {},
    beside: readonly DuckDb[] = [],
  ): Promise<Reading> {
    const files = await Promise.all(
      paths.map(async (path) => {
        const fileId = createHash('sha256').update(path).digest('hex');
        return { path, name: path.split('/').at(-1) ?? path, fileId, version: 1, bytes: (await stat(path)).size };
      }),
    );
    const target = {
      rows: join(this.folder, 'out-rows.parquet'),
      together: together.map((name) => join(this.folder, name)),
      quarantine: join(this.folder, 'out-quarantine.parquet'),
      files: join(this.folder, 'out-files.parquet'),
    };
    const request = {
      source: shop,
      files,
      knownAt: '2024-06-01T00:00:00.000Z',
      work: join(this.folder, 'work'),
      target,
      ...over,
    };
    const { outcomes, rows } = await readFiles(this.db, request, {}, beside);
    const ids = files.map(({ fileId }) => `'${fileId}'`).join();
    const order = `order by list_position([${ids}], file_id), line`;
    return {
      outcomes,
      written: rows.map((path) => basename(path)),
      rows: await this.db.rows(`select * from read_parquet([${rows.map((path) => `'${path}'`).join()}]) ${order}`),
      bad: await this.db.rows(`select * from '${target.quarantine}' ${order} nulls first`),
      ledger: await this.db.rows(`select * from '${target.files}' order by file_name`),
    };
  }
}
