// What becomes of refresh tokens that expired, on a real Postgres with its real grants: deleted by upkeep, and none that is still good.
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PostgresApiKeys, PostgresRefreshTokens } from '../../../adapters/postgres/api-keys.ts';
import { openPool } from '../../../adapters/postgres/pool.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

let stack: TestStack;
let pool: Pool;
let owner: Pool;
beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  const { environment } = stack;
  // As the environment's service, which is all that upkeep is; only the owner turns clocks.
  pool = openPool(environment.postgres, { max: 4, schema: environment.schema });
  owner = openPool(environment.owner, { max: 1, schema: environment.schema });
});
afterAll(async () => {
  await Promise.all([pool?.end(), owner?.end()]);
  await stack?.stop();
});

it('purges what expired, tells how many, and keeps a family that is still good', async () => {
  const asked = { environment: 'dev', name: 'shop', roles: ['viewer'], days: 30, by: 'test' } as const;
  const { key } = await new PostgresApiKeys(pool).create(asked);
  const tokens = new PostgresRefreshTokens(pool);
  const old = await tokens.begin(key.id, ['viewer']);
  const turned = await tokens.rotate(old);
  await owner.query(`update refresh_tokens set expires_at = clock_timestamp() - interval '1 second'`);
  const young = await tokens.begin(key.id, ['viewer']);

  expect(await tokens.purge(true)).toBe(2);
  expect(await tokens.purge(false)).toBe(2);
  expect([await tokens.purge(true), await tokens.purge(false)]).toEqual([0, 0]);
  expect(await tokens.rotate(turned?.next ?? '')).toBeUndefined();
  expect(await tokens.rotate(young)).toMatchObject({ keyId: key.id });
  // A token that was used, too, stays until its family expires: its second use ends the family.
  expect(await tokens.rotate(young)).toBeUndefined();
  await expect(pool.query('delete from refresh_tokens')).rejects.toThrow(/has not expired/);
  const { rows } = await pool.query(`select count(*)::integer as n from audit_log where entry like '%refresh_tokens%'`);
  expect(rows[0].n).toBeGreaterThanOrEqual(5);
});
