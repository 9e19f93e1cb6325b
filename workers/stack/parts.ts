// The parts of a stack as a table: what each needs, which command runs it, how it is asked whether it is up. For the supervisor.
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mlflowServerCommand, probeMlflow } from '../../adapters/mlflow/server.ts';
import { postgresServer, probePostgres } from '../../adapters/postgres/server.ts';
import { venvPython } from '../../adapters/python/venv.ts';
import { ensureNamespaces, ensureSearchAttributes } from '../../adapters/temporal/namespace.ts';
import { findTemporal, probeTemporal, temporalServerArguments } from '../../adapters/temporal/server.ts';
import { serviceOf } from '../../core/access.ts';
import { PerennialError } from '../../core/errors.ts';
import {
  childVariables,
  type Environment,
  type EnvironmentName,
  environmentNames,
  postgresUrl,
  searchPath,
  settingsOf,
  siblingOf,
} from '../../environments/environment.ts';
import { apiPortSettings } from '../../environments/settings.ts';
import { requireHealth } from './api-health.ts';
import type { WantedPort } from './ports.ts';
import { prepareWalls } from './prepare.ts';
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
  /** Whether a part that came up still answers, where that is asked otherwise. */
  ask?(): Promise<string>;
  /** What must be in place before others may use it; run when the stack starts, not when the part is revived. Idempotent. */
  settle(): Promise<unknown>;
}

/** Every part; worker and API serve the environments of these names, and each finds its servers prepared for them. */
export const partsOf = (
  environment: Environment,
  names: readonly EnvironmentName[] = [environment.name],
): Readonly<Record<PartName, Part>> => {
  const served = names.map((name) => siblingOf(environment, name));
  return {
    postgres: postgresPart(environment),
    temporal: temporalPart(environment, served),
    mlflow: mlflowPart(environment),
    worker: workerPart(environment, served),
    api: apiPart(environment, served),
  };
};

const nothing = async (): Promise<void> => undefined;

const postgresPart = (environment: Environment): Part => {
  const { postgres, owner, home } = environment;
  const server = postgresServer(clusterDirectory(home), owner);
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
    probe: () => (postgres.external ? probePostgres(owner) : server.probe()),
    // The owner prepares and does nothing else.
    ask: () => probePostgres(postgres),
    settle: () => prepareWalls(environment),
  };
};

/** Where the local cluster is wanted; root may have to put it elsewhere. */
export const clusterDirectory = (home: string): string => join(home, 'postgres');

const everyEnvironment = (environment: Environment): readonly Environment[] =>
  environmentNames.map((name) => siblingOf(environment, name));

const temporalPart = (environment: Environment, served: readonly Environment[]): Part => {
  const { temporal, ports, home, cache } = environment;
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
      // On a server of our own all three, so that the others may be brought up later.
      for (const { temporal: wanted } of temporal.external ? served : everyEnvironment(environment)) {
        await ensureNamespaces(temporal.address, [wanted.namespace], wanted.retentionDays);
        await ensureSearchAttributes(temporal.address, wanted.namespace);
      }
    },
  };
};

const mlflowPart = ({ mlflow, ports, home, venv }: Environment): Part => {
  const artifacts = join(home, 'mlflow-artifacts');
  const databaseUrl = postgresUrl(mlflow.postgres);
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
    prepare: () => mkdir(artifacts, { recursive: true, mode: 0o700 }),
    launch: async () => {
      const { file, args, variables } = mlflowServerCommand(place);
      return { file, args, variables: childVariables(variables), cwd: home };
    },
    probe: () => probeMlflow(mlflow.url),
    settle: nothing,
  };
};

const WORKER = 'workers/main.ts';
const API = 'serving/main.ts';

// Told the passwords of the services it hosts, and no others: least of all the owner's. Redis is the API's business alone.
const nodeLaunch = (environment: Environment, served: readonly Environment[], entry: string): Launch => ({
  file: process.execPath,
  args: nodeArguments(entry, namesOf(served)),
  variables: childVariables(
    settingsOf(
      entry === WORKER ? { ...environment, redis: undefined } : environment,
      served.map(({ name }) => serviceOf(name)),
    ),
  ),
  cwd: environment.root,
  speaks: true,
});

const namesOf = (served: readonly Environment[]): string => served.map(({ name }) => name).join();

/** What a request leaves behind is collected a few times a second rather than twenty. */
const YOUNG_MIB = 64;

/** Threads that help the one that answers to collect: of node's four, those that find no idle core make everybody else wait. */
const COLLECTING = 1;

/** How the product's own processes are started, here and in containers. */
export const nodeArguments = (entry: string, environments: string): string[] => [
  ...(entry === API ? [`--max-semi-space-size=${YOUNG_MIB}`, `--v8-pool-size=${COLLECTING}`] : []),
  ...['--import', 'tsx', entry, '--env', environments],
];

const workerPart = (environment: Environment, served: readonly Environment[]): Part => ({
  name: 'worker',
  needs: ['postgres', 'temporal', 'mlflow'],
  external: false,
  address: `namespace ${served.map(({ temporal }) => temporal.namespace).join(', ')}`,
  ports: [],
  startMs: 180_000,
  stopMs: 45_000,
  stopSignal: 'SIGTERM',
  prepare: nothing,
  launch: async () => nodeLaunch(environment, served, WORKER),
  // A worker has no port: it says `ready` to its parent, or has simply lived for a while.
  probe: async ({ saidReady, ageMs }) => {
    if (saidReady || ageMs > 20_000) return `node ${process.versions.node}`;
    throw new PerennialError('UNAVAILABLE', 'The worker has not said that it is ready');
  },
  settle: nothing,
});

const apiPart = (environment: Environment, served: readonly Environment[]): Part => ({
  name: 'api',
  needs: ['postgres'],
  external: false,
  address: apiAddress(served),
  ports: served.map(({ name, api }) => ({ port: api.port, setting: apiPortSettings[name] })),
  startMs: 120_000,
  stopMs: 20_000,
  stopSignal: 'SIGTERM',
  prepare: nothing,
  launch: async () => nodeLaunch(environment, served, API),
  probe: async () => {
    for (const { api } of served) await requireHealth(api);
    return `node ${process.versions.node}`;
  },
  settle: nothing,
});

// Short enough for a line of the status table.
const apiAddress = ([first, ...more]: readonly Environment[]): string => {
  if (first === undefined || more.length === 0) return first?.api.url ?? '';
  return [`${first.api.url} (${first.name})`, ...more.map(({ name, api }) => `:${api.port} (${name})`)].join(' ');
};

const missing = (program: string): never => {
  throw new PerennialError('MISSING_PART', 'A program is missing', { field: program, mend: 'Run `perennial up`.' });
};
