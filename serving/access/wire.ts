// The access of a running API: the environment's keys, its Postgres, and its settings. For server.ts.
import type { Pool } from 'pg';
import { PostgresApiKeys, PostgresRefreshTokens } from '../../adapters/postgres/api-keys.ts';
import type { Environment } from '../../environments/environment.ts';
import type { Log } from '../ports.ts';
import { Authenticator } from './authenticate.ts';
import type { Access } from './index.ts';
import { BlockLimiter, postgresCounter } from './limits.ts';
import { tokenKeysIn } from './tokens.ts';

export const accessOf = ({ name: environment, keys: folder, api }: Environment, pool: Pool, log: Log): Access => {
  const keys = new PostgresApiKeys(pool);
  const tokenKeys = tokenKeysIn(folder, environment);
  const { anonymousRoles, rateLimit: limit, corsOrigins, tls, behindProxy } = api;
  const now = Date.now;
  return {
    gate: {
      environment,
      authenticator: new Authenticator({ environment, keys, tokenKeys, anonymousRoles, now }),
      limiter: new BlockLimiter({
        limit,
        shared: postgresCounter(pool),
        now,
        onOutage: (error) =>
          log.warn({ reason: String(error) }, 'Requests are not counted together; each process counts its own'),
      }),
      anonymous: anonymousRoles.length > 0,
    },
    transport: { corsOrigins, secure: tls !== undefined || behindProxy },
    tokens: { environment, tokenKeys, refreshTokens: new PostgresRefreshTokens(pool), keys, now },
  };
};
