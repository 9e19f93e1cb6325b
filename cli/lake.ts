// The lake as the command line sees it: read-only, and shut off from the rest of the machine.
import { extensionFiles } from '../adapters/duckdb/extensions.ts';
import { DuckDb } from '../adapters/duckdb/session.ts';
import { Lake } from '../adapters/ducklake/lake.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import type { Environment } from '../environments/environment.ts';

export type ReadOnlyLake = Lake<DuckDb>;

/** Runs `work` on a session that can read the lake (at a snapshot, if given) and nothing else. */
export const withReadOnlyLake = async <T>(
  environment: Environment,
  snapshot: number | undefined,
  work: (lake: ReadOnlyLake) => Promise<T>,
): Promise<T> => {
  const { postgres, lake: place, duckdb, venv } = environment;
  const pool = openPool(postgres, { max: 2 });
  const db = await DuckDb.open(duckdb);
  try {
    const extensions = await extensionFiles(venv);
    const readOnly = snapshot === undefined ? true : { snapshot };
    return await work(await Lake.attach({ db, pool, postgres, ...place, extensions, readOnly }));
  } finally {
    db.close();
    await pool.end();
  }
};
