// Where everything is and how much of it: one frozen object per environment, and the only reader of process.env.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PerennialError } from '../core/errors.ts';
import { dev } from './dev.ts';
import type { Extent } from './extent.ts';
import { prod } from './prod.ts';
import { secretsOf } from './secrets.ts';
import { type GivenSettings, parseSettings, type Settings, settingNames } from './settings.ts';
import { staging } from './staging.ts';

const extents = { dev, staging, prod } satisfies Record<string, Extent>;

export type EnvironmentName = keyof typeof extents;
export const environmentNames = Object.keys(extents) as EnvironmentName[];

export interface PostgresPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface Environment {
  readonly name: EnvironmentName;
  /** The project's own directory: code, migrations, lock files. */
  readonly root: string;
  /** The state directory: data, logs, run files; what `down --purge` removes. */
  readonly home: string;
  /** Downloads and builds that a second clone reuses. */
  readonly cache: string;
  /** The Python environment of the pinned wheels: MLflow, LightGBM's library, DuckDB's extensions. */
  readonly venv: string;
  readonly ports: {
    readonly postgres: number;
    readonly temporal: number;
    readonly temporalUi: number;
    readonly mlflow: number;
    readonly api: number;
  };
  /** `external`: given by DATABASE_URL, so the stack neither starts nor stops it. */
  readonly postgres: PostgresPlace & { readonly external: boolean };
  readonly lake: { readonly catalog: string; readonly metadataSchema: string; readonly dataPath: string };
  /** `external`: given by TEMPORAL_ADDRESS. */
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly uiUrl: string;
    readonly retentionDays: number;
    readonly external: boolean;
  };
  /** `external`: given by MLFLOW_TRACKING_URI. `database` is where a server of our own keeps its tables. */
  readonly mlflow: {
    readonly url: string;
    readonly prefix: string;
    readonly database: string;
    readonly external: boolean;
  };
  readonly artifacts: string;
  readonly stage: string;
  readonly duckdb: { readonly threads: number; readonly memoryLimit: string; readonly tempDirectory: string };
  readonly api: { readonly host: string; readonly port: number; readonly url: string };
  /** The Postgres schema of this environment's own tables. */
  readonly schema: string;
  /** For crash tests alone: where a worker marks the points at which it killed itself. Undefined: it never does. */
  readonly crashFolder: string | undefined;
}

/**
 * The environment of that name, from process.env and `overrides` (which win). At first use of a state directory its
 * database password is made and kept in `<home>/secrets.json`, unless PERENNIAL_POSTGRES_PASSWORD or DATABASE_URL is given.
 * @throws PerennialError UNKNOWN_NAME for another name, INVALID_INPUT naming the setting at fault.
 */
export const loadEnvironment = (name: string, overrides: GivenSettings = {}): Environment => {
  if (!isEnvironmentName(name)) {
    throw new PerennialError('UNKNOWN_NAME', 'No such environment', {
      field: 'env',
      value: name,
      mend: `Choose one of ${environmentNames.join(', ')}.`,
    });
  }
  return freeze(describe(name, parseSettings({ ...given(), ...overrides })));
};

/** True for dev, staging and prod. */
export const isEnvironmentName = (name: string): name is EnvironmentName => Object.hasOwn(extents, name);

/** The variables that make another process load this very environment. */
export const settingsOf = (environment: Environment): Readonly<Record<string, string>> => {
  const { home, cache, venv, ports, postgres, temporal, mlflow, duckdb, api, lake, crashFolder } = environment;
  return {
    PERENNIAL_HOME: home,
    PERENNIAL_CACHE: cache,
    PERENNIAL_VENV: venv,
    PERENNIAL_PORT_POSTGRES: String(ports.postgres),
    PERENNIAL_PORT_TEMPORAL: String(ports.temporal),
    PERENNIAL_PORT_TEMPORAL_UI: String(ports.temporalUi),
    PERENNIAL_PORT_MLFLOW: String(ports.mlflow),
    PERENNIAL_PORT_API: String(ports.api),
    PERENNIAL_API_HOST: api.host,
    PERENNIAL_MLFLOW_DATABASE: mlflow.database,
    PERENNIAL_LAKE_PATH: lake.dataPath.slice(0, -`/${environment.name}`.length),
    PERENNIAL_DUCKDB_THREADS: String(duckdb.threads),
    PERENNIAL_DUCKDB_MEMORY: duckdb.memoryLimit,
    ...(postgres.external
      ? { DATABASE_URL: postgresUrl(postgres) }
      : { PERENNIAL_POSTGRES_PASSWORD: postgres.password }),
    ...(crashFolder === undefined ? {} : { PERENNIAL_CRASH_FOLDER: crashFolder }),
    TEMPORAL_UI_URL: temporal.uiUrl,
    ...(temporal.external ? { TEMPORAL_ADDRESS: temporal.address } : {}),
    ...(mlflow.external ? { MLFLOW_TRACKING_URI: mlflow.url } : {}),
  };
};

/** This process's variables without the product's settings (and so without its secrets), with `more` added. For child processes. */
export const childVariables = (more: Readonly<Record<string, string>> = {}): Record<string, string> => {
  const ours = new Set<string>(settingNames.filter((name) => name !== 'XDG_CACHE_HOME'));
  const kept = Object.entries(process.env).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined && !ours.has(entry[0]);
  });
  return { ...Object.fromEntries(kept), ...more };
};

/** Where this process looks for programs. */
export const searchPath = (): string => process.env.PATH ?? '';

/** A `postgresql://` address with the password in it: for a child's variables, never for a log. */
export const postgresUrl = ({ host, port, user, password, database }: PostgresPlace): string =>
  `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${encodeURIComponent(database)}`;

const given = (): GivenSettings =>
  Object.fromEntries(
    settingNames.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

const describe = (name: EnvironmentName, settings: Settings): Environment => {
  const extent = extents[name];
  const home = resolve(root, settings.PERENNIAL_HOME ?? '.perennial');
  const cache = settings.PERENNIAL_CACHE ?? join(settings.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'perennial');
  return {
    name,
    root,
    home,
    cache: resolve(cache),
    venv: resolve(settings.PERENNIAL_VENV ?? join(cache, `venv-${lockDigest()}`)),
    ...places(settings, name, extent, home),
    lake: {
      catalog: name,
      metadataSchema: `lake_${name}`,
      dataPath: `${settings.PERENNIAL_LAKE_PATH ?? join(home, 'lake')}/${name}`,
    },
    artifacts: join(home, 'artifacts', name),
    stage: join(home, 'stage', name),
    duckdb: {
      threads: settings.PERENNIAL_DUCKDB_THREADS ?? extent.duckdbThreads,
      memoryLimit: settings.PERENNIAL_DUCKDB_MEMORY ?? extent.duckdbMemory,
      tempDirectory: join(home, 'tmp', name),
    },
    schema: name,
    crashFolder: settings.PERENNIAL_CRASH_FOLDER,
  };
};

const places = (
  settings: Settings,
  name: EnvironmentName,
  extent: Extent,
  home: string,
): Pick<Environment, 'ports' | 'postgres' | 'temporal' | 'mlflow' | 'api'> => {
  const ports = {
    postgres: settings.PERENNIAL_PORT_POSTGRES,
    temporal: settings.PERENNIAL_PORT_TEMPORAL,
    temporalUi: settings.PERENNIAL_PORT_TEMPORAL_UI,
    mlflow: settings.PERENNIAL_PORT_MLFLOW,
    api: settings.PERENNIAL_PORT_API,
  };
  const host = settings.PERENNIAL_API_HOST;
  return {
    ports,
    postgres: postgresPlace(settings, home),
    temporal: {
      address: settings.TEMPORAL_ADDRESS ?? `127.0.0.1:${ports.temporal}`,
      namespace: name,
      uiUrl: settings.TEMPORAL_UI_URL ?? `http://127.0.0.1:${ports.temporalUi}`,
      retentionDays: extent.retentionDays,
      external: settings.TEMPORAL_ADDRESS !== undefined,
    },
    mlflow: {
      url: (settings.MLFLOW_TRACKING_URI ?? `http://127.0.0.1:${ports.mlflow}`).replace(/\/+$/, ''),
      prefix: name,
      database: settings.PERENNIAL_MLFLOW_DATABASE,
      external: settings.MLFLOW_TRACKING_URI !== undefined,
    },
    api: { host, port: ports.api, url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${ports.api}` },
  };
};

const postgresPlace = (settings: Settings, home: string): Environment['postgres'] => {
  if (settings.DATABASE_URL === undefined) {
    const password = settings.PERENNIAL_POSTGRES_PASSWORD ?? secretsOf(home).postgresPassword;
    const port = settings.PERENNIAL_PORT_POSTGRES;
    return { host: '127.0.0.1', port, user: 'perennial', password, database: 'perennial', external: false };
  }
  const url = new URL(settings.DATABASE_URL);
  return {
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
    external: true,
  };
};

// The lock file names the Python environment, so that an upgrade builds a new one and a second clone finds the old one.
const lockDigest = (): string =>
  createHash('sha256')
    .update(readFileSync(join(root, 'adapters/python/requirements.txt')))
    .digest('hex')
    .slice(0, 12);

const freeze = <T extends object>(value: T): T => {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner);
  return Object.freeze(value);
};
