// Opens the lake for one activity: a DuckDB session that nobody else uses, the catalog attached. What an activity leaves in good order
// goes to the next one, emptied: opening the engine, attaching and closing take longer than many a step.
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
  const { settings, pool, crash, rest } = deps;
  await trustExtensions(deps);
  const db = await DuckDb.open({ ...settings.duckdb, extensionsVerified: true });
  // A session sees many activities: what it keeps of files would outlive them.
  await db.run('set enable_external_file_cache = false');
  return Lake.attach({
    db,
    pool,
    ...settings.lake,
    postgres: settings.postgres,
    extensions: settings.extensions,
    crash,
    beforeCommit: rest,
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

/** How long a session waits for another activity. */
const IDLE_MS = 20_000;

/** A session that nobody uses at present, one for each set of tools at most. */
const idle = new WeakMap<Deps, OpenLake>();

const takeSession = async (deps: Deps): Promise<OpenLake> => {
  const lake = idle.get(deps);
  idle.delete(deps);
  return lake ?? openLake(deps);
};

/** Keeps the engine and the attached catalog for the next activity, and nothing that this one made. */
const leaveSession = async (deps: Deps, used: OpenLake): Promise<void> => {
  // What cannot be emptied is closed: the work is done, and the next activity opens a session for itself.
  const db = await used.db.anew().catch(() => undefined);
  if (!db || idle.has(deps)) return (db ?? used.db).close();
  const lake = used.on(db);
  idle.set(deps, lake);
  setTimeout(() => {
    if (idle.get(deps) !== lake) return;
    idle.delete(deps);
    db.close();
  }, IDLE_MS).unref();
};

/** Runs `work` on a session that is its own meanwhile; an abort interrupts the running query. One in which work failed is closed. */
export const withLake = async <T>(
  deps: Deps,
  signal: AbortSignal,
  work: (lake: OpenLake) => Promise<T>,
): Promise<T> => {
  const lake = await takeSession(deps);
  const interrupt = () => lake.db.interrupt();
  signal.addEventListener('abort', interrupt);
  let good = false;
  try {
    const result = await work(lake);
    good = !signal.aborted;
    return result;
  } finally {
    signal.removeEventListener('abort', interrupt);
    if (good) await leaveSession(deps, lake);
    else lake.db.close();
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
