// A Postgres server of our own: what to prepare, which command to run, how to ask whether it answers. For the stack.
import { randomBytes } from 'node:crypto';
import { access, chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { PerennialError } from '../../core/errors.ts';
import { type PostgresBinaries, postgresBinaries } from './binaries.ts';
import { clusterPlace, type Owner } from './owner.ts';
import { ensureDatabase, type PostgresAddress, withConnection } from './pool.ts';

export interface PostgresServer {
  /** Creates the cluster where there is none; says whether it was there. */
  prepare(): Promise<'created' | 'reused'>;
  /** The command that runs the server in the foreground, and whose process it is. */
  command(): Promise<{ file: string; args: string[]; owner?: Owner }>;
  /** The server's version once it answers, with the product's database in place. */
  probe(): Promise<string>;
  /** Removes the cluster, wherever it stands. The server must be stopped. */
  purge(): Promise<void>;
}

/** `preferred` is to hold the cluster; the server listens on the address's loopback port alone, with scram passwords. */
export const postgresServer = (preferred: string, address: PostgresAddress): PostgresServer => ({
  prepare: async () => {
    await mkdir(dirname(preferred), { recursive: true });
    const { directory, owner } = await clusterPlace(preferred);
    if (await exists(join(directory, 'PG_VERSION'))) return 'reused';
    await initialise(await postgresBinaries(owner), directory, address, owner);
    return 'created';
  },
  command: async () => {
    const { directory, owner } = await clusterPlace(preferred);
    const { postgres } = await postgresBinaries(owner);
    return {
      file: postgres,
      args: serverArguments(directory, address.port),
      ...(owner === undefined ? {} : { owner }),
    };
  },
  probe: async () => {
    const version = await probePostgres({ ...address, database: 'postgres' });
    await ensureDatabase({ ...address, database: 'postgres' }, address.database);
    return version;
  },
  purge: async () => {
    const { directory } = await clusterPlace(preferred);
    await rm(directory === preferred ? directory : dirname(directory), { recursive: true, force: true });
  },
});

/** The version of whatever Postgres answers there. @throws the connection's own error while it does not. */
export const probePostgres = async (address: PostgresAddress): Promise<string> =>
  withConnection(address, async (client) => {
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return rows[0]?.server_version ?? 'unknown';
  });

// No Unix socket: its path would have to be short and shared. Checksums are on by default since 18.
const serverArguments = (directory: string, port: number): string[] => [
  ...['-D', directory, '-p', String(port)],
  ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
  ...['-c', 'max_connections=200', '-c', 'shared_buffers=128MB', '-c', 'timezone=UTC', '-c', 'log_timezone=UTC'],
];

const initialise = async (
  { initdb }: PostgresBinaries,
  directory: string,
  { user, password }: PostgresAddress,
  owner: Owner | undefined,
): Promise<void> => {
  // The mode is for the cluster alone: its user must be able to enter what stands above.
  await mkdir(dirname(directory), { recursive: true, mode: 0o755 });
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o700);
  const passwordFile = join(tmpdir(), `perennial-${randomBytes(8).toString('hex')}`);
  await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' });
  try {
    if (owner !== undefined) for (const path of [directory, passwordFile]) await chown(path, owner.uid, owner.gid);
    await execa(initdb, initdbArguments(directory, user, passwordFile), { cwd: dirname(directory), ...owner });
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw new PerennialError('MISSING_PART', `Postgres could not be set up: ${lastLine(cause)}`, {
      field: 'postgres',
      mend: 'Free the directory or set PERENNIAL_HOME elsewhere, or give a server of your own by DATABASE_URL.',
      cause,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
};

// The builtin locale sorts alike on every machine, whatever its libc.
const initdbArguments = (directory: string, user: string, passwordFile: string): string[] => [
  `--pgdata=${directory}`,
  `--username=${user}`,
  `--pwfile=${passwordFile}`,
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--no-instructions',
];

const lastLine = (error: unknown): string => {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return text.trim().split('\n').slice(-2).join(' ');
};

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
