// Where an environment's API listens, how it is reached, and what it allows to whom. For environment.ts.
import type { EnvironmentName } from '../core/access.ts';
import { type ApiRole, isApiRole } from '../core/api-policy.ts';
import { PerennialError } from '../core/errors.ts';
import { apiPortSettings, type Settings } from './settings.ts';

export interface ApiPlace {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** PEM files; undefined: it speaks HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  /** A proxy in front of it speaks HTTPS. */
  readonly behindProxy: boolean;
  /** Of requests without credentials. */
  readonly anonymousRoles: readonly ApiRole[];
  /** Requests a minute of one principal. */
  readonly rateLimit: number;
  readonly corsOrigins: readonly string[];
}

export const apiPlace = (settings: Settings, name: EnvironmentName): ApiPlace => {
  const host = settings.PERENNIAL_API_HOST;
  const port = settings[apiPortSettings[name]];
  const tls = tlsOf(settings);
  const reached = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
  return {
    host,
    port,
    url: `${tls ? 'https' : 'http'}://${reached.includes(':') ? `[${reached}]` : reached}:${port}`,
    tls,
    behindProxy: settings.PERENNIAL_API_BEHIND_PROXY === 'yes',
    anonymousRoles: rolesIn(settings.PERENNIAL_ANONYMOUS_ROLES ?? (name === 'dev' ? 'analyst,scientist' : 'none')),
    rateLimit: settings.PERENNIAL_API_RATE_LIMIT,
    corsOrigins: wordsOf(settings.PERENNIAL_API_CORS_ORIGINS ?? ''),
  };
};

const wordsOf = (list: string): readonly string[] =>
  list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

/** The setting was checked before; `none` is no role. */
const rolesIn = (list: string): readonly ApiRole[] => wordsOf(list).filter(isApiRole);

const tlsOf = ({
  PERENNIAL_API_TLS_CERTIFICATE: certificate,
  PERENNIAL_API_TLS_KEY: key,
}: Settings): ApiPlace['tls'] => {
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  if (certificate === key) return undefined;
  const field = certificate === undefined ? 'PERENNIAL_API_TLS_CERTIFICATE' : 'PERENNIAL_API_TLS_KEY';
  throw new PerennialError('INVALID_INPUT', 'A certificate and its key belong together', {
    field,
    mend: `Set ${field} as well, or neither.`,
  });
};
