// `<use case>/<model>[@version]` as people type it, and the version in the registry that it means. For commands about one version.
import type { Pool } from 'pg';
import { openPool } from '../adapters/postgres/pool.ts';
import { PostgresRegistry, type RegisteredVersion } from '../adapters/postgres/registry.ts';
import { PerennialError } from '../core/errors.ts';
import type { Environment } from '../environments/environment.ts';

const PATTERN = /^(?<model>[a-z0-9][a-z0-9_-]{0,62}\/[a-z0-9][a-z0-9_-]{0,62})(?:@(?<version>[1-9]\d{0,9}))?$/;

/** Runs `work` on that version, the champion where none is named. @throws PerennialError UNKNOWN_NAME where there is none. */
export const withVersion = async <T>(
  { name, schema }: Environment,
  place: Environment['postgres' | 'developer'],
  asked: string,
  work: (version: RegisteredVersion, pool: Pool) => Promise<T>,
): Promise<T> => {
  const { model, version } = PATTERN.exec(asked)?.groups ?? {};
  if (model === undefined) {
    const mend = 'For example ecommerce-intelligence/propensity@3';
    throw new PerennialError('INVALID_INPUT', 'This names no model version', { field: 'version', value: asked, mend });
  }
  const pool = openPool(place, { max: 2, schema });
  try {
    const registry = new PostgresRegistry(pool);
    const found =
      version === undefined
        ? await registry.champion(model)
        : (await registry.versions(model)).find((known) => known.version === Number(version));
    if (found) return await work(found, pool);
    const what = version === undefined ? `${model} has no champion in ${name}` : `${name} has no ${asked}`;
    throw new PerennialError('UNKNOWN_NAME', what, { field: 'version', value: asked });
  } finally {
    await pool.end();
  }
};
