// GET /health: that this process lives, which models answer, and whether Postgres does. Always 200: a server without a model is alive.
import type { FastifyInstance } from 'fastify';
import type { AppDeps } from '../app.ts';
import type { ModelState } from '../keeper.ts';
import { type Health, Health as HealthSchema, jsonSchema } from '../schemas.ts';

const PROBE_MS = 1_000;

export const healthRoute = (
  app: FastifyInstance,
  { environment, keeper, online, caches, predictions, reads }: AppDeps,
): void => {
  const schema = { summary: 'Liveness, and what is loaded', response: { 200: jsonSchema(HealthSchema) } };
  app.get('/health', { config: { policy: 'health' }, schema }, async (): Promise<Health> => {
    const reachable = await Promise.race([online.reachable(), noAfter(PROBE_MS)]);
    const models = keeper.states();
    // A model that nobody has trained yet is no ailment; one whose champion could not be loaded is.
    const well = reachable && models.some(({ loaded }) => loaded) && models.every(({ refused }) => !refused);
    return {
      status: well ? 'ok' : 'degraded',
      environment,
      postgres: reachable ? 'reachable' : 'unreachable',
      ...(caches && { feature_cache: cacheOf(caches) }),
      ...(predictions && { prediction_log: predictions.counts() }),
      ...(reads && { read_log: reads.counts() }),
      models: models.map(stateOf),
    };
  });
};

/** Redis is no part of being well: without it everything is answered. */
const cacheOf = ({ cache, shared }: NonNullable<AppDeps['caches']>): Health['feature_cache'] => {
  const [memory, redis] = [cache?.(), shared?.()];
  return {
    ...(memory && { memory: { hits: memory.hits, misses: memory.misses, hit_rate: memory.hitRate } }),
    ...(redis && {
      redis: {
        state: redis.connected ? 'connected' : 'away',
        hits: redis.hits,
        misses: redis.misses,
        hit_rate: redis.hitRate,
        failures: redis.failures,
        refused: redis.refused,
      },
    }),
  };
};

const stateOf = ({ name, loaded, refused, trouble }: ModelState): Health['models'][number] => ({
  model: name,
  version: loaded?.version ?? null,
  package_sha256: loaded?.packageSha256 ?? null,
  signed_by: loaded?.signedBy ?? null,
  since: loaded?.since ?? null,
  ...(refused && { refused: { ...refused } }),
  ...(trouble !== undefined && { trouble }),
});

const noAfter = (ms: number): Promise<false> => new Promise((resolve) => setTimeout(resolve, ms, false).unref());
