// The settings that people and processes may give by environment variable, checked once. For environment.ts alone.
import { z } from 'zod';
import { PerennialError } from '../core/errors.ts';

const port = (standard: number) => z.coerce.number().int().min(1).max(65_535).default(standard);
const text = z.string().min(1);

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
  PERENNIAL_API_HOST: text.default('127.0.0.1'),
  PERENNIAL_POSTGRES_PASSWORD: text.optional(),
  PERENNIAL_MLFLOW_DATABASE: z
    .string()
    .regex(/^[a-z_][a-z0-9_]*$/)
    .default('mlflow'),
  /** The folder or bucket prefix under which each environment has its own data folder. */
  PERENNIAL_LAKE_PATH: text.optional(),
  PERENNIAL_DUCKDB_THREADS: z.coerce.number().int().min(1).max(1024).optional(),
  PERENNIAL_DUCKDB_MEMORY: z
    .string()
    .regex(/^\d+(\.\d+)?\s?([KMGT]i?B)$/i)
    .optional(),
  PERENNIAL_CRASH_FOLDER: text.optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s/]+:\d{1,5}$/, 'must be host:port')
    .optional(),
  TEMPORAL_UI_URL: z.url({ protocol: /^https?$/ }).optional(),
  MLFLOW_TRACKING_URI: z.url({ protocol: /^https?$/ }).optional(),
  XDG_CACHE_HOME: text.optional(),
});

export type Settings = z.infer<typeof settingsSchema>;
export type SettingName = keyof Settings;
/** Settings as given: text from a shell, or numbers from a test. */
export type GivenSettings = { readonly [name in SettingName]?: string | number };

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
