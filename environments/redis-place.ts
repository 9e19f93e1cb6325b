// Where the Redis stands that an environment's APIs share, if there is one. For environment.ts.
import type { Settings } from './settings.ts';

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly user: string;
  /** Never for a log. */
  readonly password: string;
  readonly database: number;
}

export const redisPlace = ({ PERENNIAL_REDIS_URL: address }: Settings): RedisPlace | undefined => {
  if (address === undefined) return undefined;
  const url = new URL(address);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    tls: url.protocol === 'rediss:',
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: Number(url.pathname.slice(1)),
  };
};

/** The setting that tells another process of it, with the password in it: for a child's variables. */
export const redisSettings = (place: RedisPlace | undefined): Record<string, string> => {
  if (place === undefined) return {};
  const { host, port, tls, user, password, database } = place;
  const secret = password === '' ? '' : `:${encodeURIComponent(password)}`;
  const login = user === '' && secret === '' ? '' : `${encodeURIComponent(user)}${secret}@`;
  const name = host.includes(':') ? `[${host}]` : host;
  return { PERENNIAL_REDIS_URL: `${tls ? 'rediss' : 'redis'}://${login}${name}:${port}/${database}` };
};
