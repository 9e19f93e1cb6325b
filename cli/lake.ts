// The lake as the command line sees it: read-only, and shut off from the rest of the machine.
import { Option } from 'commander';
import { extensionFiles } from '../adapters/duckdb/extensions.ts';
import { DuckDb } from '../adapters/duckdb/session.ts';
import { Lake } from '../adapters/ducklake/lake.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import { reach } from '../core/access.ts';
import { PerennialError } from '../core/errors.ts';
import type { Environment } from '../environments/environment.ts';

export type ReadOnlyLake = Lake<DuckDb>;

/** Whose eyes: what each may read stands in `core/access.ts`. */
export const readers = ['developer', 'admin'] as const;
export type Reader = (typeof readers)[number];

export const readerOption = (): Option =>
  new Option('--as <role>', 'whose rights: the lake of prod is read by admins alone')
    .choices(readers)
    .default('developer' satisfies Reader);

/** What a command does before the session is shut off, and the files it may write afterwards. */
export interface Besides {
  readonly prepare?: (db: DuckDb) => Promise<void>;
  readonly writes?: readonly string[];
}

/**
 * Runs `work` on a session that can read the lake (at a snapshot, if given) and nothing else.
 * @throws PerennialError FORBIDDEN where that reader may not.
 */
export const withReadOnlyLake = async <T>(
  environment: Environment,
  snapshot: number | undefined,
  work: (lake: ReadOnlyLake) => Promise<T>,
  reader: Reader = 'developer',
  { prepare, writes = [] }: Besides = {},
): Promise<T> => {
  const { lake: place, duckdb, venv, [reader]: postgres } = environment;
  const pool = openPool(postgres, { max: 2 });
  const db = await DuckDb.open(duckdb);
  try {
    const extensions = await extensionFiles(venv);
    const readOnly = snapshot === undefined ? (true as const) : { snapshot };
    await prepare?.(db);
    const options = { db, pool, postgres, ...place, extensions, readOnly, alsoReaches: writes };
    const lake = await Lake.attach(options).catch((error: unknown) => {
      throw inPlainWords(environment, reader, error);
    });
    return await work(lake);
  } finally {
    db.close();
    await pool.end();
  }
};

// A lake that one may not look into and that nobody has written to yet says that it does not exist.
const inPlainWords = ({ name }: Environment, reader: Reader, cause: unknown): unknown => {
  const said = cause instanceof Error ? cause.message : '';
  if (/permission denied/.test(said) || !['read', 'write'].includes(reach[name][reader] ?? '')) {
    const mend = name === 'prod' ? 'Look as admin: `--as admin`' : 'Run `npx perennial up`, which mends the grants';
    return new PerennialError('FORBIDDEN', `The lake of ${name} is closed to ${reader}s`, { mend, cause });
  }
  if (!/DuckLake.*does not exist/.test(said)) return cause;
  const mend = `Fill it first: \`npx perennial run <use case> --env ${name} --source <path>\``;
  return new PerennialError('NOTHING_TO_DO', `The lake of ${name} is still empty`, { mend, cause });
};

/** What the database refuses to this reader is refused in words: `what` is closed. */
export const unlessClosed = async <T>(what: string, reader: Reader, reading: Promise<T>): Promise<T> => {
  try {
    return await reading;
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== INSUFFICIENT_PRIVILEGE) throw cause;
    throw new PerennialError('FORBIDDEN', `${what} closed to ${reader}s`, {
      mend: 'Look as admin: `--as admin`',
      cause,
    });
  }
};

const INSUFFICIENT_PRIVILEGE = '42501';
