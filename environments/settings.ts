// The settings that people and processes may give by environment variable, checked once. For environment.ts alone.
import { z } from 'zod';
import { type AccountName, accountNames, type EnvironmentName, type RoleAccount } from '../core/access.ts';
import { apiRoles } from '../core/api-policy.ts';
import { PerennialError } from '../core/errors.ts';

const port = (standard: number) => z.coerce.number().int().min(1).max(65_535).default(standard);
const text = z.string().min(1);
const rolesPattern = new RegExp(`^(none|(${apiRoles.join('|')})(, ?(${apiRoles.join('|')}))*)$`);
const redisDatabase = /^rediss?:\/\/[^/?#]+(\/\d{0,3})?$/;
const originsPattern = /^https?:\/\/[^/,\s]+(, ?https?:\/\/[^/,\s]+)*$/;

/** Every setting by its variable; the defaults stand one digit before the usual port, so that nothing local collides. */
export const settingsSchema = z.strictObject({
  PERENNIAL_HOME: text.optional(),
  PERENNIAL_CACHE: text.optional(),
  PERENNIAL_VENV: text.optional(),
  PERENNIAL_PORT_POSTGRES: port(15_432),
  PERENNIAL_PORT_TEMPORAL: port(17_233),
  PERENNIAL_PORT_TEMPORAL_UI: port(18_233),
  PERENNIAL_PORT_MLFLOW: port(15_000),
  PERENNIAL_PORT_API: port(18_080),
  PERENNIAL_PORT_API_STAGING: port(18_081),
  PERENNIAL_PORT_API_PROD: port(18_082),
  PERENNIAL_API_HOST: text.default('127.0.0.1'),
  /** The roles of requests without credentials, separated by commas, or `none`. Default: analyst,scientist in dev, else none. */
  PERENNIAL_ANONYMOUS_ROLES: z
    .string()
    .regex(rolesPattern, `must be none, or of ${apiRoles.join(', ')}`)
    .optional(),
  /** Requests a minute of one principal. */
  PERENNIAL_API_RATE_LIMIT: z.coerce.number().int().min(1).max(100_000_000).default(1_000),
  /** Origins whose pages may ask the API from a browser, separated by commas. Default: none. */
  PERENNIAL_API_CORS_ORIGINS: z.string().regex(originsPattern, 'must be origins like https://shop.example').optional(),
  /** PEM files; given together, the API speaks HTTPS alone. */
  PERENNIAL_API_TLS_CERTIFICATE: text.optional(),
  PERENNIAL_API_TLS_KEY: text.optional(),
  /** `yes`: a proxy in front of the API speaks HTTPS to the world. */
  PERENNIAL_API_BEHIND_PROXY: z.enum(['yes', 'no']).default('no'),
  /** The owner's; used to prepare the database and for nothing else. */
  PERENNIAL_POSTGRES_PASSWORD: text.optional(),
  PERENNIAL_POSTGRES_PASSWORD_DEV_SERVICE: text.optional(),
  PERENNIAL_POSTGRES_PASSWORD_STAGING_SERVICE: text.optional(),
  PERENNIAL_POSTGRES_PASSWORD_PROD_SERVICE: text.optional(),
  PERENNIAL_POSTGRES_PASSWORD_DEVELOPER: text.optional(),
  PERENNIAL_POSTGRES_PASSWORD_ADMIN: text.optional(),
  PERENNIAL_POSTGRES_PASSWORD_MLFLOW: text.optional(),
  /** The accounts that this process may use, separated by commas: it learns no other password. Default: all. */
  PERENNIAL_ACCOUNTS: text.transform((list, context) => accountsIn(list, context)).optional(),
  PERENNIAL_MLFLOW_DATABASE: z
    .string()
    .regex(/^[a-z_][a-z0-9_]*$/)
    .default('mlflow'),
  /** The folder or bucket prefix under which each environment has its own data folder. */
  PERENNIAL_LAKE_PATH: text.optional(),
  /** The folder under which each environment has its own folder of keys, e.g. a mounted secret. Default: `<home>/keys`. */
  PERENNIAL_KEYS: text.optional(),
  PERENNIAL_COMPUTE_SLOTS: z.coerce.number().int().min(1).max(64).optional(),
  PERENNIAL_DUCKDB_THREADS: z.coerce.number().int().min(1).max(1024).optional(),
  PERENNIAL_DUCKDB_MEMORY: z
    .string()
    .regex(/^\d+(\.\d+)?\s?([KMGT]i?B)$/i)
    .optional(),
  PERENNIAL_CRASH_FOLDER: text.optional(),
  /** `paused`: schedules are made, but wait for a person to wake them. */
  PERENNIAL_SCHEDULES: z.enum(['on', 'paused']).default('on'),
  /** The file of those who are told when something is wrong. Default: `<home>/alerts.json`; without it nobody is. */
  PERENNIAL_ALERTS: text.optional(),
  /** Where a worker tells Prometheus of itself, on this host alone. Default: nowhere. A port for each worker process. */
  PERENNIAL_PORT_WORKER_METRICS: z.coerce.number().int().min(1).max(65_535).optional(),
  /** Base address of an OpenTelemetry collector (OTLP over HTTP). Default: no traces. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** Redis that the API processes of an environment share in front of Postgres, `rediss://user:password@host:6379/0`. Default: none. */
  PERENNIAL_REDIS_URL: z
    .url({ protocol: /^rediss?$/, hostname: /./ })
    .refine((address) => redisDatabase.test(address), 'must be redis[s]://user:password@host:port/database')
    .optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s/]+:\d{1,5}$/, 'must be host:port')
    .optional(),
  TEMPORAL_UI_URL: z.url({ protocol: /^https?$/ }).optional(),
  MLFLOW_TRACKING_URI: z.url({ protocol: /^https?$/ }).optional(),
  XDG_CACHE_HOME: text.optional(),
});

const accountsIn = (list: string, context: z.RefinementCtx): readonly AccountName[] => {
  const parsed = z.array(z.enum(accountNames)).safeParse(list.split(',').map((name) => name.trim()));
  if (parsed.success) return parsed.data;
  context.addIssue({ code: 'custom', message: `must be of ${accountNames.join(', ')}` });
  return z.NEVER;
};

export type Settings = z.infer<typeof settingsSchema>;
export type SettingName = keyof Settings;
/** Settings as given: text from a shell, or numbers from a test. */
export type GivenSettings = { readonly [name in SettingName]?: string | number };

/** Where each environment's API listens. */
export const apiPortSettings = {
  dev: 'PERENNIAL_PORT_API',
  staging: 'PERENNIAL_PORT_API_STAGING',
  prod: 'PERENNIAL_PORT_API_PROD',
} as const satisfies Record<EnvironmentName, SettingName>;

/** The setting that holds the password of a role. */
export const passwordSetting = (account: RoleAccount) =>
  `PERENNIAL_POSTGRES_PASSWORD_${account.toUpperCase() as Uppercase<RoleAccount>}` as const;

export const settingNames = Object.keys(settingsSchema.shape) as SettingName[];

/**
 * Checks settings; an empty text counts as not given.
 * @throws PerennialError INVALID_INPUT that names the first setting at fault.
 */
export const parseSettings = (given: GivenSettings): Settings => {
  const filled = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = settingsSchema.safeParse(filled);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = unknown ?? issue?.path.join('.') ?? 'settings';
  throw new PerennialError('INVALID_INPUT', `A setting is wrong: ${issue?.message ?? 'unreadable'}`, {
    field,
    value: showable(field, filled[field]),
    mend: `Set ${field} to a valid value, or unset it.`,
  });
};

// A URL or password may hold a secret: never repeated in a message.
const showable = (field: string, value: unknown): unknown => (/URL|URI|PASSWORD/.test(field) ? '(not shown)' : value);
