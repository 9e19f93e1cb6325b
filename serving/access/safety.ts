// What keeps an API from starting outside dev: doors that stand open, and passwords that anybody guesses. Every fault is told at once.
import { PerennialError } from '../../core/errors.ts';
import type { Environment } from '../../environments/environment.ts';

export interface Fault {
  readonly setting: string;
  readonly why: string;
  readonly mend: string;
}

/** @throws PerennialError INVALID_INPUT that names every setting at fault. In dev nothing is at fault. */
export const requireSafe = (environment: Environment): void => {
  const faults = faultsOf(environment);
  if (faults.length === 0) return;
  const told = faults.map(({ setting, why, mend }) => `${setting}: ${why}. ${mend}`).join(' · ');
  throw new PerennialError('INVALID_INPUT', `The API of ${environment.name} does not start like this: ${told}`, {
    field: faults[0]?.setting ?? 'settings',
  });
};

export const faultsOf = ({ name, api, accounts, postgres, redis }: Environment): readonly Fault[] => {
  if (name === 'dev') return [];
  const faults: Fault[] = [];
  if (api.anonymousRoles.length > 0) {
    const mend = 'Set it to `none`, or serve dev in a process of its own';
    faults.push({ setting: 'PERENNIAL_ANONYMOUS_ROLES', why: `${name} would answer without credentials`, mend });
  }
  if (!isLoopback(api.host) && api.tls === undefined && !api.behindProxy) {
    faults.push({
      setting: 'PERENNIAL_API_HOST',
      why: `${api.host} would carry credentials in clear text`,
      mend: 'Set PERENNIAL_API_TLS_CERTIFICATE and PERENNIAL_API_TLS_KEY, or PERENNIAL_API_BEHIND_PROXY=yes where a proxy speaks HTTPS',
    });
  }
  if (api.corsOrigins.some((origin) => origin.startsWith('http:') && !isLoopback(new URL(origin).hostname))) {
    const mend = 'Name origins with https';
    faults.push({ setting: 'PERENNIAL_API_CORS_ORIGINS', why: 'a page that came in clear text could ask', mend });
  }
  for (const [account, place] of Object.entries(accounts)) {
    const why = place.password === '' ? undefined : weakness(place.password, place.user);
    if (why === undefined) continue;
    const ours = account === 'owner' ? 'POSTGRES_PASSWORD' : `POSTGRES_PASSWORD_${account.toUpperCase()}`;
    const setting = account === 'owner' && postgres.external ? 'DATABASE_URL' : `PERENNIAL_${ours}`;
    faults.push({ setting, why: `the password ${why}`, mend: MAKE_ONE });
  }
  return redis === undefined ? faults : [...faults, ...redisFaults(redis)];
};

const MAKE_ONE = 'Make one with `openssl rand -hex 24`';

/** Who writes there decides what models see: on another host than this one it asks for a password, and the way there is closed. */
const redisFaults = ({ host, tls, user, password }: NonNullable<Environment['redis']>): readonly Fault[] => {
  const setting = 'PERENNIAL_REDIS_URL';
  const faults: Fault[] = [];
  if (!isLoopback(host) && !tls) {
    faults.push({ setting, why: `features would cross to ${host} in clear text`, mend: 'Begin it with rediss://' });
  }
  const needless = password === '' && isLoopback(host);
  const why = password === '' ? 'is missing' : weakness(password, user === '' ? 'default' : user);
  if (!needless && why !== undefined) faults.push({ setting, why: `the password ${why}`, mend: MAKE_ONE });
  return faults;
};

const LOOPBACK = new Set(['localhost', '::1', '[::1]']);
const isLoopback = (host: string): boolean => LOOPBACK.has(host) || /^127(\.\d{1,3}){3}$/.test(host);

const LEAST_CHARACTERS = 12;
const LEAST_DISTINCT = 6;
const WELL_KNOWN = /password|passw0rd|changeme|change-me|letmein|postgres|perennial|secret123|qwerty|123456|example/i;

/** What makes a password a weak one, in words that do not repeat it. */
export const weakness = (password: string, user: string): string | undefined => {
  if (password.length < LEAST_CHARACTERS) return `has fewer than ${LEAST_CHARACTERS} characters`;
  if (new Set(password).size < LEAST_DISTINCT) return `has fewer than ${LEAST_DISTINCT} different characters`;
  if (password.toLowerCase().includes(user.toLowerCase())) return 'holds the name of its user';
  return WELL_KNOWN.test(password) ? 'holds a word that is tried first' : undefined;
};
