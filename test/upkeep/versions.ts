// A registered version that was trained from a table at a snapshot: what upkeep and sweeps must keep readable.
import { openPool } from '../../adapters/postgres/pool.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import type { Pin } from '../../core/commit.ts';
import type { Environment } from '../../environments/environment.ts';

export const MODEL = 'ecommerce-intelligence/propensity';

/** Runs `work` on the environment's own tables. */
export const withPool = async <T>(
  { postgres, schema }: Environment,
  work: (pool: ReturnType<typeof openPool>) => Promise<T>,
): Promise<T> => {
  const pool = openPool(postgres, { max: 2, schema });
  return work(pool).finally(() => pool.end());
};

export const registerVersion = (environment: Environment, { table, snapshot, key }: Pin, champion = false) =>
  withPool(environment, async (pool) => {
    const registry = new PostgresRegistry(pool);
    const { version } = await registry.registerVersion({
      model: MODEL,
      key: 'a'.repeat(64),
      packageSha256: 'b'.repeat(64),
      metrics: {},
      lineage: { environment: environment.name, inputs: [{ table, snapshot, key }] },
      by: 'test',
      why: 'to be kept readable',
      runId: 'test',
    });
    if (!champion) return;
    const move = { model: MODEL, alias: 'champion', from: null, to: version.version, by: 'test', why: 'test' };
    await registry.moveAlias({ ...move, operation: 'crowned' });
  });
