// A token for the API that the person at this command line makes for himself: the environment's token key signs it, and the audit says so.
import { PostgresApiKeys } from '../adapters/postgres/api-keys.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import type { ApiRole } from '../core/api-policy.ts';
import type { Environment } from '../environments/environment.ts';
import { issueToken, tokenKeysIn } from '../serving/access/tokens.ts';
import { osUser } from './promotion.ts';

export interface TokenAsked {
  readonly roles: readonly ApiRole[];
  readonly seconds: number;
}

/** Noted first, made then: there is no token that the audit does not know. */
export const makeToken = async (
  { name, keys, postgres, schema }: Environment,
  { roles, seconds }: TokenAsked,
): Promise<string> => {
  const by = osUser();
  const pool = openPool(postgres, { max: 1, schema });
  try {
    await new PostgresApiKeys(pool).noteToken({ by, roles, seconds });
  } finally {
    await pool.end();
  }
  const parts = { environment: name, subject: `person:${by}`, roles, seconds, now: Date.now() };
  return issueToken(tokenKeysIn(keys, name), parts);
};
