// A Temporal development server of our own: where its program comes from, how it runs, whether it answers. For the stack.
import { createWriteStream } from 'node:fs';
import { access, chmod, constants, mkdir, rename, rm } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import { PerennialError } from '../../core/errors.ts';

/** The release of the `temporal` program; newer tags cannot be built by `go install`. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

export interface TemporalServerPlace {
  /** The SQLite file that holds everything, kept between runs. */
  readonly databaseFile: string;
  readonly port: number;
  readonly uiPort: number;
  readonly namespaces: readonly string[];
}

/** The arguments of `temporal server start-dev`, on loopback, with the task pollers unthrottled (10 ms an activity, not 101). */
export const temporalServerArguments = ({ databaseFile, port, uiPort, namespaces }: TemporalServerPlace): string[] => [
  ...['server', 'start-dev', '--headless=false', '--ip', '127.0.0.1', '--log-level', 'warn'],
  ...['--db-filename', databaseFile, '--port', String(port), '--ui-port', String(uiPort)],
  ...namespaces.flatMap((name) => ['--namespace', name]),
  ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=5000'],
  ...['--dynamic-config-value', 'history.timerProcessorMaxPollRPS=5000'],
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
 * Gets the `temporal` program into `<cache>/bin`: downloaded, or built where Go is found (2–3 minutes on two cores).
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
  const address = `https://temporal.download/cli/archive/v${TEMPORAL_CLI_VERSION}?platform=${platform()}&arch=${machine}`;
  const draft = `${target}.${process.pid}`;
  try {
    const reply = await fetch(address, { signal: AbortSignal.timeout(300_000) });
    if (!reply.ok || reply.body === null) throw new Error(`HTTP ${reply.status} from temporal.download`);
    onLine(`reading ${reply.headers.get('content-length') ?? 'an unknown number of'} bytes`);
    await pipeline(Readable.fromWeb(reply.body as ReadableStream), createWriteStream(`${draft}.tar.gz`));
    await mkdir(draft, { recursive: true });
    await execa('tar', ['-xzf', `${draft}.tar.gz`, '-C', draft, 'temporal']);
    await install(join(draft, 'temporal'), target);
  } finally {
    for (const leftover of [draft, `${draft}.tar.gz`]) await rm(leftover, { recursive: true, force: true });
  }
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
