// Connections to Postgres with limits on every wait. For the registry, the online store, migrations and the stack's probes.
import pg from 'pg';
import { PerennialError } from '../../core/errors.ts';

export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface PoolLimits {
  /** Connections at most. */
  readonly max: number;
  /** Milliseconds a statement may run; 0 is no limit. */
  readonly statementMs?: number;
  /** Milliseconds to wait for an answer of a server that may hang: longer than `statementMs`. Default: for ever. */
  readonly answerMs?: number;
  /** Milliseconds to wait for a free or new connection. */
  readonly connectMs?: number;
  /** The schema that unqualified names mean: an environment's own. Default: the server's search path. */
  readonly schema?: string;
  /**
   * A statement is planned without its values, and so once if it is named. Postgres' own choice takes a list for ten values, and so plans
   * anew at each use for a list of one, which costs it more than to run it.
   */
  readonly plannedOnce?: boolean;
}

/** A pool that gives up rather than hangs. The caller ends it. A broken idle connection is dropped, never a crash. */
export const openPool = (
  address: PostgresAddress,
  { max, statementMs = 60_000, answerMs, connectMs = 5_000, schema, plannedOnce = false }: PoolLimits,
): pg.Pool => {
  const { host, port, user, password, database } = address;
  const settings = [
    ...(schema === undefined ? [] : [`-c search_path=${pg.escapeIdentifier(schema)}`]),
    ...(plannedOnce ? ['-c plan_cache_mode=force_generic_plan'] : []),
  ];
  const pool = new pg.Pool({
    host,
    port,
    user,
    password,
    database,
    max,
    connectionTimeoutMillis: connectMs,
    statement_timeout: statementMs,
    ...(answerMs === undefined ? {} : { query_timeout: answerMs }),
    idle_in_transaction_session_timeout: 60_000,
    application_name: 'perennial',
    keepAlive: true,
    ...(settings.length === 0 ? {} : { options: settings.join(' ') }),
  });
  // The pool has already removed that connection; its next user gets a new one, or the error itself.
  pool.on('error', () => undefined);
  // A connection that breaks while somebody holds it fails his query; unheard, it would end the process as well.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
};

/** Runs `work` on one connection of its own, closed at the end. */
export const withConnection = async <T>(
  address: PostgresAddress,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> => {
  const { host, port, user, password, database } = address;
  const client = new pg.Client({ host, port, user, password, database, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

/** Creates a database where it is missing, owned by `owner` if given. Two callers at once are fine. */
export const ensureDatabase = async (admin: PostgresAddress, name: string, owner?: string): Promise<void> => {
  await withConnection(admin, async (client) => {
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 1) return;
    try {
      const owned = owner === undefined ? '' : ` owner ${client.escapeIdentifier(owner)}`;
      await client.query(`create database ${client.escapeIdentifier(name)}${owned}`);
    } catch (error) {
      if (isDuplicate(error)) return;
      throw new PerennialError('UNAVAILABLE', 'The database could not be created', {
        field: 'database',
        value: name,
        mend: `Create it by hand, owned by ${owner ?? admin.user}, or grant that role CREATEDB.`,
        cause: error,
      });
    }
  });
};

// duplicate_database, or the unique index of pg_database when two create it in the same instant.
const isDuplicate = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && ['42P04', '23505'].includes(error.code ?? '');
