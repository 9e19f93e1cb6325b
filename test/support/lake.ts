// A lake on a test's own Postgres, opened the way activities open theirs.
import type pg from 'pg';
import { extensionFiles, verifyExtensions } from '../../adapters/duckdb/extensions.ts';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { Lake } from '../../adapters/ducklake/lake.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import type { Environment } from '../../environments/environment.ts';

export interface TestLake {
  readonly lake: Lake<DuckDb>;
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

export const openTestLake = async (environment: Environment, threads = 2): Promise<TestLake> => {
  const { postgres, lake: place, venv, duckdb } = environment;
  const pool = openPool(postgres, { max: 4 });
  const extensions = await extensionFiles(venv);
  await verifyExtensions([extensions.postgres, extensions.ducklake], duckdb.tempDirectory);
  const db = await DuckDb.open({ ...duckdb, threads, extensionsVerified: true });
  const lake = await Lake.attach({ db, pool, postgres, ...place, extensions });
  return {
    lake,
    pool,
    close: async () => {
      db.close();
      await pool.end();
    },
  };
};
