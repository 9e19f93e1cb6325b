// The parts of a stack as a table: what each needs, which command runs it, how it is asked whether it is up. For the supervisor.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mlflowServerCommand, probeMlflow } from '../../adapters/mlflow/server.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { ensureDatabase, withConnection } from '../../adapters/postgres/pool.ts';
import { postgresServer, probePostgres } from '../../adapters/postgres/server.ts';
import { venvPython } from '../../adapters/python/venv.ts';
import { ensureNamespaces, ensureSearchAttributes } from '../../adapters/temporal/namespace.ts';
import { findTemporal, probeTemporal, temporalServerArguments } from '../../adapters/temporal/server.ts';
import { PerennialError } from '../../core/errors.ts';
import {
  childVariables,
  type Environment,
  environmentNames,
  postgresUrl,
  searchPath,
  settingsOf,
} from '../../environments/environment.ts';
import type { WantedPort } from './ports.ts';
import type { PartName } from './run-file.ts';

export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** The process may say `ready` over an IPC channel. */
  readonly speaks?: boolean;
}

/** What is known of a process that has not yet come up. */
export interface Newborn {
  readonly saidReady: boolean;
  readonly ageMs: number;
}

export interface Part {
  readonly name: PartName;
  readonly needs: readonly PartName[];
  readonly external: boolean;
  /** Where it answers; without secrets. */
  readonly address: string;
  readonly ports: readonly WantedPort[];
  /** Milliseconds it may take to come up, and to stop. */
  readonly startMs: number;
  readonly stopMs: number;
  readonly stopSignal: NodeJS.Signals;
  prepare(): Promise<unknown>;
  launch(): Promise<Launch>;
  /** Its version once it answers; throws while it does not. */
  probe(newborn: Newborn): Promise<string>;
  /** What must be in place before others may use it; run when the stack starts, not when the part is revived. Idempotent. */
  settle(): Promise<unknown>;
}

/** Every part, for one environment. */
export const partsOf = (environment: Environment): Readonly<Record<PartName, Part>> => ({
  postgres: postgresPart(environment),
  temporal: temporalPart(environment),
  mlflow: mlflowPart(environment),
  worker: workerPart(environment),
  api: apiPart(environment),
});

const nothing = async (): Promise<void> => undefined;

const postgresPart = (environment: Environment): Part => {
  const { postgres, home, root, schema } = environment;
  const server = postgresServer(clusterDirectory(home), postgres);
  return {
    name: 'postgres',
    needs: [],
    external: postgres.external,
    address: `${postgres.host}:${postgres.port}/${postgres.database}`,
    ports: [{ port: postgres.port, setting: 'PERENNIAL_PORT_POSTGRES' }],
    startMs: 60_000,
    stopMs: 20_000,
    stopSignal: 'SIGINT',
    prepare: () => server.prepare(),
    // Its user may not be allowed into the home.
    launch: async () => ({ ...(await server.command()), variables: childVariables(), cwd: '/' }),
    probe: () => (postgres.external ? probePostgres(postgres) : server.probe()),
    settle: () =>
      withConnection(postgres, (client) => migrate(client, { schema, directory: join(root, 'migrations') })),
  };
};

/** Where the local cluster is wanted; root may have to put it elsewhere. */
export const clusterDirectory = (home: string): string => join(home, 'postgres');

const temporalPart = ({ temporal, ports, home, cache }: Environment): Part => {
  const databaseFile = join(home, 'temporal', 'temporal.db');
  const place = { databaseFile, port: ports.temporal, uiPort: ports.temporalUi, namespaces: environmentNames };
  return {
    name: 'temporal',
    needs: [],
    external: temporal.external,
    address: temporal.external ? temporal.address : `${temporal.address} · ${temporal.uiUrl}`,
    ports: [
      { port: ports.temporal, setting: 'PERENNIAL_PORT_TEMPORAL' },
      { port: ports.temporalUi, setting: 'PERENNIAL_PORT_TEMPORAL_UI' },
    ],
    startMs: 90_000,
    stopMs: 20_000,
    stopSignal: 'SIGTERM',
    prepare: () => mkdir(dirname(databaseFile), { recursive: true }),
    launch: async () => ({
      file: (await findTemporal(cache, searchPath())) ?? missing('temporal'),
      args: temporalServerArguments(place),
      variables: childVariables(),
      cwd: home,
    }),
    probe: () => probeTemporal(temporal.address),
    settle: async () => {
      const names = temporal.external ? [temporal.namespace] : environmentNames;
      await ensureNamespaces(temporal.address, names, temporal.retentionDays);
      for (const name of names) await ensureSearchAttributes(temporal.address, name);
    },
  };
};

const mlflowPart = ({ mlflow, ports, home, venv, postgres }: Environment): Part => {
  const artifacts = join(home, 'mlflow-artifacts');
  const databaseUrl = postgresUrl({ ...postgres, database: mlflow.database });
  const place = { python: venvPython(venv), host: '127.0.0.1', port: ports.mlflow, databaseUrl, artifacts };
  return {
    name: 'mlflow',
    needs: mlflow.external ? [] : ['postgres'],
    external: mlflow.external,
    address: mlflow.url,
    ports: [{ port: ports.mlflow, setting: 'PERENNIAL_PORT_MLFLOW' }],
    startMs: 180_000,
    stopMs: 15_000,
    stopSignal: 'SIGTERM',
    prepare: async () => {
      await mkdir(artifacts, { recursive: true });
      await ensureDatabase(postgres, mlflow.database);
    },
    launch: async () => {
      const { file, args, variables } = mlflowServerCommand(place);
      return { file, args, variables: childVariables(variables), cwd: home };
    },
    probe: () => probeMlflow(mlflow.url),
    settle: nothing,
  };
};

const nodeLaunch = (environment: Environment, entry: string): Launch => ({
  file: process.execPath,
  args: nodeArguments(entry, environment.name),
  variables: childVariables(settingsOf(environment)),
  cwd: environment.root,
  speaks: true,
});

/** How the product's own processes are started, here and in containers. */
export const nodeArguments = (entry: string, environment: string): string[] => [
  ...['--import', 'tsx', entry, '--env', environment],
];

const workerPart = (environment: Environment): Part => ({
  name: 'worker',
  needs: ['postgres', 'temporal', 'mlflow'],
  external: false,
  address: `namespace ${environment.temporal.namespace}`,
  ports: [],
  startMs: 180_000,
  stopMs: 45_000,
  stopSignal: 'SIGTERM',
  prepare: nothing,
  launch: async () => nodeLaunch(environment, 'workers/main.ts'),
  // A worker has no port: it says `ready` to its parent, or has simply lived for a while.
  probe: async ({ saidReady, ageMs }) => {
    if (saidReady || ageMs > 20_000) return `node ${process.versions.node}`;
    throw new PerennialError('UNAVAILABLE', 'The worker has not said that it is ready');
  },
  settle: nothing,
});

const apiPart = (environment: Environment): Part => ({
  name: 'api',
  needs: ['postgres'],
  external: false,
  address: environment.api.url,
  ports: [{ port: environment.api.port, setting: 'PERENNIAL_PORT_API' }],
  startMs: 120_000,
  stopMs: 20_000,
  stopSignal: 'SIGTERM',
  prepare: nothing,
  launch: async () => nodeLaunch(environment, 'serving/main.ts'),
  probe: async () => {
    const reply = await fetch(`${environment.api.url}/health`, { signal: AbortSignal.timeout(5_000) });
    if (!reply.ok)
      throw new PerennialError('UNAVAILABLE', 'The API is not healthy', { field: 'status', value: reply.status });
    return `node ${process.versions.node}`;
  },
  settle: nothing,
});

const missing = (program: string): never => {
  throw new PerennialError('MISSING_PART', 'A program is missing', { field: program, mend: 'Run `perennial up`.' });
};
