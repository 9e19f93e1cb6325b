// A Temporal development server of our own: where its program comes from, how it runs, whether it answers. For the stack.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, chmod, constants, mkdir, rename, rm } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import { PerennialError } from '../../core/errors.ts';

/** The release of the `temporal` program; newer tags cannot be built by `go install`. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

/** sha256 of the release's archives, by platform and machine; what has other bytes is not unpacked. */
const ARCHIVES: Readonly<Record<string, string>> = {
  linux_amd64: 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
  linux_arm64: 'bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5',
  darwin_amd64: 'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
  darwin_arm64: 'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
};
const RELEASES = 'https://github.com/temporalio/cli/releases/download';

export interface TemporalServerPlace {
  /** The SQLite file that holds everything, kept between runs. */
  readonly databaseFile: string;
  readonly port: number;
  readonly uiPort: number;
  readonly namespaces: readonly string[];
}

/**
 * The arguments of `temporal server start-dev`, on loopback, with the task pollers unthrottled (10 ms an activity, not 101), and one
 * partition a queue: with four, a lone worker polls where nothing is while steps wait elsewhere, up to 1.8 s each.
 */
export const temporalServerArguments = ({ databaseFile, port, uiPort, namespaces }: TemporalServerPlace): string[] => [
  ...['server', 'start-dev', '--headless=false', '--ip', '127.0.0.1', '--log-level', 'warn'],
  ...['--db-filename', databaseFile, '--port', String(port), '--ui-port', String(uiPort)],
  ...namespaces.flatMap((name) => ['--namespace', name]),
  ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=5000'],
  ...['--dynamic-config-value', 'history.timerProcessorMaxPollRPS=5000'],
  ...['--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1'],
  ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
];

/** The server's version once it answers. @throws the connection's own error while it does not. */
export const probeTemporal = async (address: string): Promise<string> => {
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    const { serverVersion } = await connection.withDeadline(Date.now() + 5_000, () =>
      connection.workflowService.getSystemInfo({}),
    );
    return serverVersion ?? 'unknown';
  } finally {
    await connection.close();
  }
};

/** The `temporal` program: on the search path, or in `<cache>/bin`. Undefined where there is none yet. */
export const findTemporal = async (cache: string, searchPath: string): Promise<string | undefined> => {
  const directories = [...searchPath.split(delimiter).filter(Boolean), join(cache, 'bin')];
  for (const directory of directories) {
    const file = join(directory, 'temporal');
    if (await isExecutable(file)) return file;
  }
  return undefined;
};

/**
 * Gets the `temporal` program into `<cache>/bin`: downloaded and held against its pinned hash, or built where Go is found (2–3 minutes
 * on two cores; Go's checksum database vouches for the sources).
 * @throws PerennialError MISSING_PART that names every way that was tried.
 */
export const fetchTemporal = async (cache: string, onLine: (line: string) => void): Promise<string> => {
  const target = join(cache, 'bin', 'temporal');
  await mkdir(dirname(target), { recursive: true });
  const failures: string[] = [];
  for (const [way, get] of [
    ['download', download],
    ['go install', build],
  ] as const) {
    onLine(`${way} of the temporal program ${TEMPORAL_CLI_VERSION}`);
    try {
      await get(target, onLine);
      return target;
    } catch (error) {
      failures.push(`${way}: ${reason(error)}`);
    }
  }
  throw new PerennialError('MISSING_PART', `The temporal program is missing (${failures.join('; ')})`, {
    field: target,
    mend: 'Install the Temporal CLI on your PATH, install Go (it is then built), or set TEMPORAL_ADDRESS to a running server.',
  });
};

const download = async (target: string, onLine: (line: string) => void): Promise<void> => {
  const machine = { x64: 'amd64', arm64: 'arm64' }[arch() as string] ?? arch();
  const name = `${platform()}_${machine}`;
  const pinned = ARCHIVES[name];
  if (pinned === undefined) throw new Error(`no archive for ${name}`);
  const draft = `${target}.${process.pid}`;
  const archive = `${draft}.tar.gz`;
  try {
    await fetchVerified(
      `${RELEASES}/v${TEMPORAL_CLI_VERSION}/temporal_cli_${TEMPORAL_CLI_VERSION}_${name}.tar.gz`,
      archive,
      pinned,
      onLine,
    );
    await mkdir(draft, { recursive: true });
    await execa('tar', ['-xzf', archive, '-C', draft, 'temporal']);
    await install(join(draft, 'temporal'), target);
  } finally {
    for (const leftover of [draft, archive]) await rm(leftover, { recursive: true, force: true });
  }
};

/** Reads an address into a file. @throws an error where the bytes have another hash; the file is then of no use. */
export const fetchVerified = async (
  address: string,
  file: string,
  sha256: string,
  onLine: (line: string) => void,
): Promise<void> => {
  const reply = await fetch(address, { signal: AbortSignal.timeout(300_000) });
  if (!reply.ok || reply.body === null) throw new Error(`HTTP ${reply.status} from ${new URL(address).host}`);
  onLine(`reading ${reply.headers.get('content-length') ?? 'an unknown number of'} bytes`);
  const hash = createHash('sha256');
  const tap = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(reply.body as ReadableStream), tap, createWriteStream(file));
  const found = hash.digest('hex');
  if (found !== sha256) throw new Error(`${address} has the sha256 ${found}, not the pinned ${sha256}`);
};

const build = async (target: string, onLine: (line: string) => void): Promise<void> => {
  onLine('building from source, about three minutes on two cores');
  const draft = join(dirname(target), `.build.${process.pid}`);
  try {
    await execa('go', ['install', `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`], {
      env: { GOBIN: draft },
    });
    await install(join(draft, 'temporal'), target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
};

// A program that does not run is no program: asked for its version before it takes its place.
const install = async (file: string, target: string): Promise<void> => {
  await chmod(file, 0o755);
  await execa(file, ['--version']);
  await rename(file, target);
};

const reason = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${'shortMessage' in error ? String(error.shortMessage) : error.message}${cause}`.split('\n')[0] ?? '';
};

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
