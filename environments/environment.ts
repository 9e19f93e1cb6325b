// Where everything is and how much of it: one frozen object per environment, and the only reader of process.env.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AccountName, accountNames, type EnvironmentName, environmentNames, serviceOf } from '../core/access.ts';
import { PerennialError } from '../core/errors.ts';
import type { PromotionPolicy } from '../core/promotion/policy.ts';
import { type Accounts, accountSettings, accountsOf, type PostgresPlace } from './accounts.ts';
import { type Receiver, receiversIn } from './alerts.ts';
import { type ApiPlace, apiPlace } from './api-place.ts';
import { dev } from './dev.ts';
import type { Extent } from './extent.ts';
import { prod } from './prod.ts';
import { type RedisPlace, redisPlace, redisSettings } from './redis-place.ts';
import { apiPortSettings, type GivenSettings, parseSettings, type Settings, settingNames } from './settings.ts';
import { staging } from './staging.ts';

export { type EnvironmentName, environmentNames } from '../core/access.ts';
export { type Accounts, type PostgresPlace, postgresUrl } from './accounts.ts';

const extents = { dev, staging, prod } satisfies Record<EnvironmentName, Extent>;

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
  /**
   * Where the program works, as this environment's own service. `external`: given by DATABASE_URL, so the stack neither starts nor
   * stops the server.
   */
  readonly postgres: PostgresPlace & { readonly external: boolean };
  /** For preparation alone: roles, migrations, grants. */
  readonly owner: PostgresPlace;
  /** For people's read tools and for local development. */
  readonly developer: PostgresPlace;
  readonly admin: PostgresPlace;
  /** All accounts of the server, whichever environment they belong to. */
  readonly accounts: Accounts;
  readonly lake: { readonly catalog: string; readonly metadataSchema: string; readonly dataPath: string };
  /** `external`: given by TEMPORAL_ADDRESS. */
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly uiUrl: string;
    readonly retentionDays: number;
    readonly external: boolean;
  };
  /** `external`: given by MLFLOW_TRACKING_URI. `postgres` is where a server of our own keeps its tables. */
  readonly mlflow: {
    readonly url: string;
    readonly prefix: string;
    readonly postgres: PostgresPlace;
    readonly external: boolean;
  };
  readonly artifacts: string;
  /** Folder of this environment's signing key and of the keyring that tells whose signatures count. */
  readonly keys: string;
  readonly stage: string;
  /** The HTML report of each run. */
  readonly reports: string;
  /** Heavy steps at once in one worker process. */
  readonly computeSlots: number;
  readonly duckdb: { readonly threads: number; readonly memoryLimit: string; readonly tempDirectory: string };
  readonly api: ApiPlace;
  /** Shared by the API processes of this environment, in front of Postgres; undefined: each has its own memory alone. */
  readonly redis: RedisPlace | undefined;
  /** The Postgres schema of this environment's own tables. */
  readonly schema: string;
  /** What it demands of whatever is promoted into it. */
  readonly promotion: PromotionPolicy;
  /** For crash tests alone: where a worker marks the points at which it killed itself. Undefined: it never does. */
  readonly crashFolder: string | undefined;
  /** `paused`: new schedules wait for a person to wake them. */
  readonly schedules: 'on' | 'paused';
  /** Who is told when something is wrong; holds secrets. */
  readonly receivers: readonly Receiver[];
  readonly telemetry: {
    /** Where a worker tells Prometheus of itself; undefined: nowhere. */
    readonly workerMetricsPort: number | undefined;
    /** Base address of an OpenTelemetry collector; undefined: no traces. */
    readonly otlp: string | undefined;
  };
  /** What the settings said, without secrets: handed on to child processes. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * The environment of that name, from process.env and `overrides` (which win). At first use of a state directory the database
 * passwords that no setting gives are made and kept in `<home>/secrets.json`.
 * @throws PerennialError UNKNOWN_NAME for another name, INVALID_INPUT naming the setting at fault.
 */
export const loadEnvironment = (name: string, overrides: GivenSettings = {}): Environment =>
  freeze(describe(requireEnvironment(name), parseSettings({ ...given(), ...overrides })));

/** The same places as another environment of the same stack sees them. */
export const siblingOf = (environment: Environment, name: EnvironmentName): Environment =>
  name === environment.name ? environment : freeze(describe(name, parseSettings(settingsOf(environment))));

/** @throws PerennialError UNKNOWN_NAME for another name. */
export const requireEnvironment = (name: string): EnvironmentName => {
  if (isEnvironmentName(name)) return name;
  throw new PerennialError('UNKNOWN_NAME', 'No such environment', {
    field: 'env',
    value: name,
    mend: `Choose one of ${environmentNames.join(', ')}.`,
  });
};

/** True for dev, staging and prod. */
export const isEnvironmentName = (name: string): name is EnvironmentName => Object.hasOwn(extents, name);

/**
 * The environments of a list separated by commas, in the order of promotion, each once.
 * @throws PerennialError UNKNOWN_NAME for another name or none.
 */
export const environmentsIn = (list: string): readonly [EnvironmentName, ...EnvironmentName[]] => {
  const asked = new Set(list.split(',').map((name) => requireEnvironment(name.trim())));
  const [first, ...more] = environmentNames.filter((name) => asked.has(name));
  return [first ?? requireEnvironment(''), ...more];
};

/** The variables that make another process load this very environment, with the passwords of these accounts and no others. */
export const settingsOf = (
  { settings, accounts, postgres, redis }: Environment,
  told: readonly AccountName[] = accountNames,
): Readonly<Record<string, string>> => ({
  ...settings,
  ...redisSettings(redis),
  ...accountSettings(accounts, postgres.external, told),
});

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

const given = (): GivenSettings =>
  Object.fromEntries(
    settingNames.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** As DuckDB writes sizes. */
const shareOfMemory = (share: number): string => {
  const bounded = process.constrainedMemory();
  const bytes = bounded > 0 ? Math.min(bounded, totalmem()) : totalmem();
  return `${Math.floor((bytes * share) / 2 ** 20)}MiB`;
};

const describe = (name: EnvironmentName, settings: Settings): Environment => {
  const extent = extents[name];
  const home = resolve(root, settings.PERENNIAL_HOME ?? '.perennial');
  const caches = settings.PERENNIAL_CACHE ?? join(settings.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'perennial');
  const cache = resolve(caches);
  const venv = resolve(settings.PERENNIAL_VENV ?? join(cache, `venv-${lockDigest()}`));
  return {
    name,
    root,
    home,
    cache,
    venv,
    ...places(settings, name, extent, home),
    lake: {
      catalog: name,
      metadataSchema: `lake_${name}`,
      dataPath: `${settings.PERENNIAL_LAKE_PATH ?? join(home, 'lake')}/${name}`,
    },
    artifacts: join(home, 'artifacts', name),
    keys: join(settings.PERENNIAL_KEYS ?? join(home, 'keys'), name),
    stage: join(home, 'stage', name),
    reports: join(home, 'reports', name),
    computeSlots: settings.PERENNIAL_COMPUTE_SLOTS ?? extent.computeSlots,
    duckdb: {
      threads: settings.PERENNIAL_DUCKDB_THREADS ?? extent.duckdbThreads,
      memoryLimit: settings.PERENNIAL_DUCKDB_MEMORY ?? shareOfMemory(extent.duckdbMemoryShare),
      tempDirectory: join(home, 'tmp', name),
    },
    schema: name,
    promotion: extent.promotion,
    crashFolder: settings.PERENNIAL_CRASH_FOLDER,
    schedules: settings.PERENNIAL_SCHEDULES,
    receivers: receiversIn(resolve(settings.PERENNIAL_ALERTS ?? join(home, 'alerts.json')), name),
    telemetry: {
      workerMetricsPort: settings.PERENNIAL_PORT_WORKER_METRICS,
      otlp: settings.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, ''),
    },
    settings: withoutSecrets({ ...settings, PERENNIAL_HOME: home, PERENNIAL_CACHE: cache, PERENNIAL_VENV: venv }),
  };
};

const places = (
  settings: Settings,
  name: EnvironmentName,
  extent: Extent,
  home: string,
): Pick<
  Environment,
  'ports' | 'accounts' | keyof ReturnType<typeof databases> | 'temporal' | 'mlflow' | 'api' | 'redis'
> => {
  const accounts = accountsOf(settings, home);
  const ports = {
    postgres: settings.PERENNIAL_PORT_POSTGRES,
    temporal: settings.PERENNIAL_PORT_TEMPORAL,
    temporalUi: settings.PERENNIAL_PORT_TEMPORAL_UI,
    mlflow: settings.PERENNIAL_PORT_MLFLOW,
    api: settings[apiPortSettings[name]],
  };
  return {
    ports,
    accounts,
    ...databases(accounts, name, settings.DATABASE_URL !== undefined),
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
      postgres: accounts.mlflow,
      external: settings.MLFLOW_TRACKING_URI !== undefined,
    },
    api: apiPlace(settings, name),
    redis: redisPlace(settings),
  };
};

const databases = (accounts: Accounts, name: EnvironmentName, external: boolean) => ({
  postgres: { ...accounts[serviceOf(name)], external },
  owner: accounts.owner,
  developer: accounts.developer,
  admin: accounts.admin,
});

// What is handed on by other means: passwords by account, and a cache that is already resolved.
const withoutSecrets = (settings: Settings): Record<string, string> => {
  const left = Object.entries(settings).filter(
    ([name, value]) =>
      value !== undefined &&
      !/PASSWORD|^(DATABASE_URL|PERENNIAL_REDIS_URL|PERENNIAL_ACCOUNTS|XDG_CACHE_HOME)$/.test(name),
  );
  return Object.fromEntries(left.map(([name, value]) => [name, String(value)]));
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
