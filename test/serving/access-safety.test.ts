// What an API refuses to start with outside dev, and that it says so in words that give no secret away.
import { describe, expect, it } from 'vitest';
import { roleAccounts } from '../../core/access.ts';
import { type Environment, type EnvironmentName, loadEnvironment } from '../../environments/environment.ts';
import type { GivenSettings } from '../../environments/settings.ts';
import { passwordSetting } from '../../environments/settings.ts';
import { faultsOf, requireSafe, weakness } from '../../serving/access/safety.ts';

const GOOD = 'c3f1b7a9d2e84650';
const passwords = Object.fromEntries(roleAccounts.map((account) => [passwordSetting(account), GOOD]));

const load = (name: EnvironmentName, settings: GivenSettings = {}): Environment =>
  loadEnvironment(name, { PERENNIAL_HOME: '/nowhere', PERENNIAL_POSTGRES_PASSWORD: GOOD, ...passwords, ...settings });

describe('an API outside dev', () => {
  it.each<[string, GivenSettings]>([
    ['PERENNIAL_ANONYMOUS_ROLES', { PERENNIAL_ANONYMOUS_ROLES: 'viewer' }],
    ['PERENNIAL_API_HOST', { PERENNIAL_API_HOST: '0.0.0.0' }],
    ['PERENNIAL_API_HOST', { PERENNIAL_API_HOST: '::' }],
    ['PERENNIAL_API_HOST', { PERENNIAL_API_HOST: 'api.example' }],
    ['PERENNIAL_API_CORS_ORIGINS', { PERENNIAL_API_CORS_ORIGINS: 'http://shop.example' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgresql://perennial:postgres@db.example/perennial' }],
    ['PERENNIAL_POSTGRES_PASSWORD_PROD_SERVICE', { PERENNIAL_POSTGRES_PASSWORD_PROD_SERVICE: 'changeme-please-now' }],
    ['PERENNIAL_POSTGRES_PASSWORD', { PERENNIAL_POSTGRES_PASSWORD: 'short' }],
    ['PERENNIAL_REDIS_URL', { PERENNIAL_REDIS_URL: 'rediss://redis.example' }],
    ['PERENNIAL_REDIS_URL', { PERENNIAL_REDIS_URL: `redis://:${GOOD}@redis.example` }],
    ['PERENNIAL_REDIS_URL', { PERENNIAL_REDIS_URL: 'rediss://:changeme-please-now@redis.example' }],
    ['PERENNIAL_REDIS_URL', { PERENNIAL_REDIS_URL: 'redis://:short@127.0.0.1' }],
  ])('does not start with %s of %j', (setting, settings) => {
    for (const name of ['staging', 'prod'] as const) {
      expect(faultsOf(load(name, settings)).map((fault) => fault.setting)).toContain(setting);
      expect(() => requireSafe(load(name, settings))).toThrow(setting);
    }
    expect(faultsOf(load('dev', settings))).toEqual([]);
  });

  it.each<GivenSettings>([
    {},
    { PERENNIAL_ANONYMOUS_ROLES: 'none' },
    { PERENNIAL_API_HOST: '127.0.0.1' },
    { PERENNIAL_API_HOST: 'localhost' },
    { PERENNIAL_API_HOST: '0.0.0.0', PERENNIAL_API_BEHIND_PROXY: 'yes' },
    { PERENNIAL_API_HOST: '0.0.0.0', PERENNIAL_API_TLS_CERTIFICATE: 'c.pem', PERENNIAL_API_TLS_KEY: 'k.pem' },
    { PERENNIAL_API_CORS_ORIGINS: 'https://shop.example, http://localhost:3000' },
    { PERENNIAL_REDIS_URL: `rediss://:${GOOD}@redis.example` },
    { PERENNIAL_REDIS_URL: 'redis://127.0.0.1:6379' },
    { PERENNIAL_REDIS_URL: 'redis://[::1]' },
    { PERENNIAL_REDIS_URL: `redis://:${GOOD}@localhost` },
  ])('starts with %j', (settings) => {
    expect(faultsOf(load('prod', settings))).toEqual([]);
  });

  it('tells every fault at once, and no password', () => {
    const settings = {
      PERENNIAL_ANONYMOUS_ROLES: 'admin',
      PERENNIAL_API_HOST: '0.0.0.0',
      PERENNIAL_POSTGRES_PASSWORD_ADMIN: 'hunter2',
      PERENNIAL_REDIS_URL: 'redis://:hunter2@redis.example',
    };
    const told = () => requireSafe(load('prod', settings));
    expect(told).toThrow(/ANONYMOUS_ROLES.*API_HOST.*PASSWORD_ADMIN.*REDIS_URL.*REDIS_URL/);
    expect(told).not.toThrow(/hunter2/);
  });
});

describe('the settings of the API', () => {
  it('let dev answer without credentials, and nobody else', () => {
    expect(load('dev').api.anonymousRoles).toEqual(['analyst', 'scientist']);
    expect(load('dev', { PERENNIAL_ANONYMOUS_ROLES: 'none' }).api.anonymousRoles).toEqual([]);
    expect(load('prod').api.anonymousRoles).toEqual([]);
    // Handed on to a process of its own, `none` stays none.
    expect(load('dev', { PERENNIAL_ANONYMOUS_ROLES: 'none' }).settings.PERENNIAL_ANONYMOUS_ROLES).toBe('none');
  });

  it.each<[GivenSettings, string]>([
    [{ PERENNIAL_ANONYMOUS_ROLES: 'root' }, 'PERENNIAL_ANONYMOUS_ROLES'],
    [{ PERENNIAL_API_RATE_LIMIT: 0 }, 'PERENNIAL_API_RATE_LIMIT'],
    [{ PERENNIAL_API_CORS_ORIGINS: '*' }, 'PERENNIAL_API_CORS_ORIGINS'],
    [{ PERENNIAL_API_CORS_ORIGINS: 'https://shop.example/path' }, 'PERENNIAL_API_CORS_ORIGINS'],
    [{ PERENNIAL_API_TLS_CERTIFICATE: 'c.pem' }, 'PERENNIAL_API_TLS_KEY'],
    [{ PERENNIAL_API_TLS_KEY: 'k.pem' }, 'PERENNIAL_API_TLS_CERTIFICATE'],
  ])('refuse %j', (settings, field) => {
    expect(() => load('dev', settings)).toThrow(field);
  });

  it('make the address https where there is a certificate', () => {
    const tls = { PERENNIAL_API_TLS_CERTIFICATE: 'c.pem', PERENNIAL_API_TLS_KEY: 'k.pem' };
    expect(load('prod', { ...tls, PERENNIAL_PORT_API_PROD: 9_000 }).api.url).toBe('https://127.0.0.1:9000');
  });
});

describe('a password', () => {
  it.each([
    ['short', true],
    ['aaaaaaaaaaaaaaaaaaaa', true],
    ['my-postgres-server-1', true],
    ['Password-for-prod-9', true],
    ['abc-service-abc-1', true],
    ['c3f1b7a9d2e84650', false],
    ['K7vQz-2mXp_91LsdRtYw', false],
  ])('%s is weak: %s', (password, weak) => {
    expect(weakness(password, 'service') !== undefined).toBe(weak);
  });
});
