// Opens the lake for one activity: a DuckDB instance of its own, the catalog attached, closed at the end whatever happens. The next one is
// opened while this one works, for attaching takes longer than many a step.
import { verifyExtensions } from '../adapters/duckdb/extensions.ts';
import { DuckDb } from '../adapters/duckdb/session.ts';
import { Commits } from '../adapters/ducklake/commits.ts';
import { Lake } from '../adapters/ducklake/lake.ts';
import type { Commit } from '../core/commit.ts';
import type { BuiltTable } from '../core/plan.ts';
import type { SqlSession } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import type { Deps } from './deps.ts';

export type OpenLake = Lake<DuckDb>;

/** Has the signatures of DuckDB's extensions checked, once a process: a worker does it before its first activity has to wait. */
export const trustExtensions = ({ settings }: Pick<Deps, 'settings'>): Promise<void> => {
  const { ducklake, postgres } = settings.extensions;
  return verifyExtensions([postgres, ducklake], settings.duckdb.tempDirectory);
};

const openLake = async (deps: Deps): Promise<OpenLake> => {
  const { settings, pool, crash } = deps;
  await trustExtensions(deps);
  const db = await DuckDb.open({ ...settings.duckdb, extensionsVerified: true });
  return Lake.attach({
    db,
    pool,
    ...settings.lake,
    postgres: settings.postgres,
    extensions: settings.extensions,
    crash,
  });
};

/** The lake's commit log alone: enough to find out that there is nothing to do, without opening an engine. */
export const commitLog = ({ pool, settings }: Deps): Commits => new Commits(pool, settings.lake.metadataSchema);

/** A table whose head already carries the key that was asked for. */
export const found = (table: TableName, head: Commit): BuiltTable => ({
  table,
  snapshot: head.snapshot,
  key: head.key,
  rows: head.tables[table]?.rows ?? 0,
  reused: true,
  why: 'unchanged',
});

/** How long a session waits for the activity that it was opened for. */
const SPARE_MS = 20_000;

/** A session that nobody has used yet, one for each set of tools at most. */
const spares = new WeakMap<Deps, Promise<OpenLake | undefined>>();

const openSpare = (deps: Deps): void => {
  // Whatever keeps it from opening will be met, and told, by the activity that needs one.
  const spare = openLake(deps).catch(() => undefined);
  spares.set(deps, spare);
  setTimeout(() => {
    if (spares.get(deps) !== spare) return;
    spares.delete(deps);
    void spare.then((lake) => lake?.db.close());
  }, SPARE_MS).unref();
};

const takeSession = async (deps: Deps): Promise<OpenLake> => {
  const spare = spares.get(deps);
  spares.delete(deps);
  const lake = (await spare) ?? (await openLake(deps));
  if (!spares.has(deps)) openSpare(deps);
  return lake;
};

/** Runs `work` on a session that nobody used before; an abort interrupts the running query. */
export const withLake = async <T>(
  deps: Deps,
  signal: AbortSignal,
  work: (lake: OpenLake) => Promise<T>,
): Promise<T> => {
  const lake = await takeSession(deps);
  const interrupt = () => lake.db.interrupt();
  signal.addEventListener('abort', interrupt);
  try {
    return await work(lake);
  } finally {
    signal.removeEventListener('abort', interrupt);
    lake.db.close();
  }
};

/**
 * Tells when the newest fact that the lake held at a snapshot was ingested, ISO 8601; null where it kept no ledger yet. The ledger's commits
 * are looked up once, however many snapshots are asked for.
 */
export const horizonsIn = async ({
  db,
  commits,
}: {
  readonly db: SqlSession;
  readonly commits: Pick<Commits, 'history'>;
}): Promise<(snapshot: number) => Promise<string | null>> => {
  const [first] = await commits.history('bronze.files');
  return async (snapshot) => (first && first.snapshot <= snapshot ? horizonAt(db, snapshot) : null);
};

const horizonAt = async (db: SqlSession, snapshot: number): Promise<string | null> => {
  const [row] = await db.rows(
    `select strftime(max(known_at), '%Y-%m-%dT%H:%M:%S.%fZ') as known_by from lake.bronze.files at (version => ${snapshot})`,
  );
  return typeof row?.known_by === 'string' ? row.known_by : null;
};
