// Access on real parts: the whole matrix over HTTP in three environments, tokens by OAuth, keys and limits in Postgres, HTTPS, the command line.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresApiKeys } from '../../adapters/postgres/api-keys.ts';
import { openPool, withConnection } from '../../adapters/postgres/pool.ts';
import { makeToken } from '../../cli/api-token.ts';
import { apiKeyHash, apiKeyText } from '../../core/api-key.ts';
import { type ApiRole, apiRoles } from '../../core/api-policy.ts';
import {
  childVariables,
  type Environment,
  type EnvironmentName,
  environmentNames,
  loadEnvironment,
  settingsOf,
  siblingOf,
} from '../../environments/environment.ts';
import { BlockLimiter, postgresCounter } from '../../serving/access/limits.ts';
import { type RunningApi, startApi } from '../../serving/server.ts';
import { requireHealth } from '../../workers/stack/api-health.ts';
import { stopStack } from '../../workers/stack/index.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { type Asker, type Cell, cells } from './access-matrix.ts';

let stack: TestStack;
let environments: Readonly<Record<EnvironmentName, Environment>>;
const apis = new Map<EnvironmentName, RunningApi>();
const pools = new Map<EnvironmentName, Pool>();
const given = new Map<string, string>();

const of = <T>(map: ReadonlyMap<string, T>, name: string): T => {
  const found = map.get(name);
  if (found === undefined) throw new Error(`nothing for ${name}`);
  return found;
};
const keysOf = (name: EnvironmentName) => new PostgresApiKeys(of(pools, name));
const newKey = async (environment: EnvironmentName, roles: readonly ApiRole[]) =>
  keysOf(environment).create({ environment, name: 'test', roles, days: 1, by: 'test' });
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  const all = environmentNames.map((name) => [name, siblingOf(stack.environment, name)]);
  environments = Object.fromEntries(all) as typeof environments;
  for (const name of environmentNames) {
    const { postgres, schema } = environments[name];
    pools.set(name, openPool(postgres, { max: 4, schema }));
    apis.set(name, await startApi(environments[name]));
    for (const role of apiRoles) given.set(`${name} ${role}`, (await newKey(name, [role])).text);
  }
});
afterAll(async () => {
  for (const api of apis.values()) await api.close();
  for (const pool of pools.values()) await pool.end();
  await stack?.stop();
});

const BODIES: Readonly<Record<string, string>> = { '/oauth/token': 'grant_type=none' };

const call = (
  environment: EnvironmentName,
  { method, route }: Pick<Cell, 'method' | 'route'>,
  headers: Record<string, string> = {},
) => {
  const path = route
    .replace(':env/:useCase', `${environment}/ecommerce-intelligence`)
    .replace(/:model/, 'propensity')
    .replace(/:version/, '1')
    .replace(/:(entity|page|view|id)/g, 'x');
  const type = route === '/oauth/token' ? 'application/x-www-form-urlencoded' : 'application/json';
  const body =
    method === 'POST' ? { body: BODIES[route] ?? '{}', headers: { ...headers, 'content-type': type } } : { headers };
  return fetch(`${of(apis, environment).url}${path}`, { method, ...body });
};

/** Where the answer differs from the matrix. What is let in may still be told that there is no such model. */
const wrongly = async (environment: EnvironmentName, cell: Cell, how: string, headers: Record<string, string>) => {
  const reply = await call(environment, cell, headers);
  const refused = reply.status === 401 || reply.status === 403 || reply.status === 429;
  const expected = cell.asker === 'nobody' ? 401 : 403;
  const isRight = cell.allowed ? !refused : reply.status === expected;
  const isProblem = !refused || reply.headers.get('content-type')?.startsWith('application/problem+json');
  await reply.arrayBuffer();
  return isRight && isProblem
    ? []
    : [`${environment} ${cell.method} ${cell.route} by ${cell.asker} (${how}): ${reply.status}`];
};

const tried = async (
  environment: EnvironmentName,
  asker: Asker | undefined,
  how: string,
  headers: (asker: Asker) => Promise<Record<string, string>> | Record<string, string>,
): Promise<readonly string[]> => {
  const mine = cells().filter((cell) => asker === undefined || cell.asker === asker);
  const found: string[] = [];
  for (const cell of mine) found.push(...(await wrongly(environment, cell, how, await headers(cell.asker))));
  return found;
};

describe('the matrix over HTTP', () => {
  it.each(environmentNames)('has a row for every route of %s', (name) => {
    const running = of(apis, name).routes.filter(({ method }) => method !== 'HEAD');
    expect(running.filter(({ policy }) => policy === undefined)).toEqual([]);
    const rows = [...new Set(cells().map(({ method, route }) => `${method} ${route}`))];
    expect(running.map(({ method, url }) => `${method} ${url}`).sort()).toEqual(rows.sort());
  });

  it.each(environmentNames)('holds in %s for nobody', async (name) => {
    expect(await tried(name, name === 'dev' ? 'in-dev' : 'nobody', 'none', () => ({}))).toEqual([]);
  });

  it.each(environmentNames)('holds in %s for every role, by API key and by token', async (name) => {
    for (const role of apiRoles) {
      const key = of(given, `${name} ${role}`);
      const token = await makeToken(environments[name], { roles: [role], seconds: 600 });
      expect(await tried(name, role, 'key', () => ({ 'x-api-key': key }))).toEqual([]);
      expect(await tried(name, role, 'token', () => bearer(token))).toEqual([]);
    }
  });

  it.each(environmentNames)(
    'lets into %s nobody with credentials that are expired, revoked or of another environment',
    async (name) => {
      const other = name === 'dev' ? 'prod' : 'dev';
      const revoked = await newKey(name, ['admin']);
      await keysOf(name).revoke(revoked.key.id, 'test', 'tried');
      const expired = apiKeyText(name, Buffer.alloc(6, 7), Buffer.alloc(32, 7));
      await of(pools, name).query(
        `insert into api_keys (id, sha256, name, roles, created_by, created_at, expires_at)
       values ($1, $2, 'test', '{admin}', 'test', now() - interval '2 days', now() - interval '1 day')`,
        ['070707070707', apiKeyHash(expired)],
      );
      const bad = {
        expired,
        revoked: revoked.text,
        'of another environment': of(given, `${other} admin`),
        'a token of another environment': await makeToken(environments[other], { roles: ['admin'], seconds: 600 }),
        'an expired token': await makeToken(environments[name], { roles: ['admin'], seconds: -60 }),
      };
      for (const [how, text] of Object.entries(bad)) {
        expect(await tried(name, 'nobody', how, () => bearer(text))).toEqual([]);
      }
    },
  );
});

interface Granted {
  readonly access_token: string;
  readonly refresh_token?: string;
  readonly scope: string;
  readonly error?: string;
}

const tokens = async (form: Record<string, string>, headers: Record<string, string> = {}) => {
  const reply = await fetch(`${of(apis, 'prod').url}/oauth/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(form),
  });
  return { status: reply.status, cache: reply.headers.get('cache-control'), body: (await reply.json()) as Granted };
};

const client = async (roles: readonly ApiRole[]) => {
  const { text, key } = await newKey('prod', roles);
  return {
    id: key.id,
    secret: text,
    form: { grant_type: 'client_credentials', client_id: key.id, client_secret: text },
  };
};

describe('tokens by OAuth', () => {
  const models = async (token: string) =>
    (await call('prod', { method: 'GET', route: '/models' }, bearer(token))).status;

  it('come for an API key, in the form or by Basic, with all of its roles or some', async () => {
    const { form, id, secret } = await client(['viewer', 'analyst']);
    const all = await tokens(form);
    expect(all).toMatchObject({
      status: 200,
      cache: 'no-store',
      body: { token_type: 'Bearer', expires_in: 900, scope: 'viewer analyst' },
    });
    expect(all.body).not.toHaveProperty('refresh_token');
    expect(await models(all.body.access_token)).toBe(200);
    const basic = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const one = await tokens({ grant_type: 'client_credentials', scope: 'viewer' }, { authorization: basic });
    expect(one.body.scope).toBe('viewer');
    const predict = await call(
      'prod',
      { method: 'GET', route: '/predict/:model/:entity' },
      bearer(one.body.access_token),
    );
    expect(predict.status).toBe(403);
  });

  it.each<[string, (form: Record<string, string>) => Record<string, string>, number, string]>([
    ['another secret', (form) => ({ ...form, client_secret: of(given, 'prod admin') }), 401, 'invalid_client'],
    ['another client', (form) => ({ ...form, client_id: '000000000000' }), 401, 'invalid_client'],
    ['no secret', ({ client_secret: _, ...form }) => form, 401, 'invalid_client'],
    ['more than the key may', (form) => ({ ...form, scope: 'admin' }), 400, 'invalid_scope'],
    ['a role that is none', (form) => ({ ...form, scope: 'root' }), 400, 'invalid_scope'],
    ['a password', (form) => ({ ...form, grant_type: 'password' }), 400, 'unsupported_grant_type'],
    ['nothing', () => ({}), 400, 'invalid_request'],
    ['an unknown refresh token', () => ({ grant_type: 'refresh_token', refresh_token: 'x' }), 400, 'invalid_grant'],
  ])('do not come for %s', async (_, change, status, error) => {
    const { form } = await client(['viewer']);
    expect(await tokens(change(form))).toMatchObject({ status, body: { error, status } });
  });

  it('are renewed once by each refresh token; a second use ends the whole family', async () => {
    const { form } = await client(['viewer']);
    const first = (await tokens({ ...form, scope: 'viewer offline_access' })).body.refresh_token ?? '';
    const renew = (refresh_token: string) => tokens({ grant_type: 'refresh_token', refresh_token });
    const second = await renew(first);
    expect(second).toMatchObject({ status: 200, body: { scope: 'viewer offline_access' } });
    expect(await models(second.body.access_token)).toBe(200);
    const third = await renew(second.body.refresh_token ?? '');
    expect(third.status).toBe(200);
    expect((await renew(first)).body.error).toBe('invalid_grant');
    expect((await renew(third.body.refresh_token ?? '')).body.error).toBe('invalid_grant');
    const kept = await of(pools, 'prod').query('select sha256 from refresh_tokens');
    expect(JSON.stringify(kept.rows)).not.toContain(first);
  });

  it('are not renewed twice by two who ask at once, nor for a key that was revoked', async () => {
    const { form, id } = await client(['viewer']);
    const begin = async () => (await tokens({ ...form, scope: 'offline_access' })).body.refresh_token ?? '';
    const token = await begin();
    const renew = (refresh_token: string) => tokens({ grant_type: 'refresh_token', refresh_token });
    const race = await Promise.all([renew(token), renew(token), renew(token)]);
    expect(race.filter(({ status }) => status === 200)).toHaveLength(1);
    const later = await begin();
    await keysOf('prod').revoke(id, 'test', 'lost');
    expect((await renew(later)).body.error).toBe('invalid_grant');
    expect((await tokens(form)).body.error).toBe('invalid_client');
  });
});

describe('API keys', () => {
  it('are kept as hashes, revoked once, and never changed', async () => {
    const { text, key } = await newKey('staging', ['viewer']);
    const pool = of(pools, 'staging');
    const { rows } = await pool.query('select * from api_keys where id = $1', [key.id]);
    // The secret may hold underscores, too.
    const secret = text.split('_').slice(3).join('_');
    expect(secret).toHaveLength(43);
    expect(JSON.stringify(rows)).not.toContain(secret);
    await keysOf('staging').revoke(key.id, 'ann', 'lost');
    expect(await keysOf('staging').revoke(key.id, 'bob', 'again')).toMatchObject({
      revokedBy: 'ann',
      revokedWhy: 'lost',
    });
    await expect(
      pool.query(`update api_keys set revoked_at = null, revoked_by = null, revoked_why = null where id = $1`, [
        key.id,
      ]),
    ).rejects.toThrow(/revoked, once/);
    await expect(pool.query(`update api_keys set roles = '{admin}'`)).rejects.toThrow(/permission denied/);
    await expect(pool.query('delete from api_keys')).rejects.toThrow(/permission denied/);
    const { owner } = stack.environment;
    const byOwner = withConnection(owner, (owning) => owning.query(`update staging.api_keys set roles = '{admin}'`));
    await expect(byOwner).rejects.toThrow(/is refused/);
  });
});

describe('the limit', () => {
  it('is shared by processes: together they let in what one would', async () => {
    const own = ['a', 'b'].map(() => openPool(environments.prod.postgres, { max: 2, schema: 'prod' }));
    const limiters = own.map(
      (pool) => new BlockLimiter({ limit: 1_000, shared: postgresCounter(pool), now: Date.now, waitMs: 10_000 }),
    );
    let granted = 0;
    const ask = async (i: number) => {
      const allowance = await limiters[i % 2]?.take('key:shared');
      if (allowance?.granted) granted += 1;
    };
    await Promise.all(Array.from({ length: 1_600 }, (_, i) => ask(i)));
    expect(granted).toBeLessThanOrEqual(1_000);
    expect(granted).toBeGreaterThan(980);
    for (const pool of own) await pool.end();
  });
});

const openssl = await promisify(execFile)('openssl', ['version']).then(
  () => true,
  () => false,
);

describe.skipIf(!openssl)('with a certificate', () => {
  it('speaks HTTPS, tells browsers to stay with it, and refuses plain HTTP', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'perennial-tls-'));
    const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const made = [
      'req',
      '-x509',
      '-newkey',
      'ed25519',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ];
    await promisify(execFile)('openssl', [...made, '-out', certificate, '-keyout', key]);
    const secure = loadEnvironment('prod', {
      ...settingsOf(environments.prod),
      PERENNIAL_PORT_API_PROD: environments.prod.ports.mlflow,
      PERENNIAL_API_TLS_CERTIFICATE: certificate,
      PERENNIAL_API_TLS_KEY: key,
    });
    const api = await startApi(secure);
    const ca = await readFile(certificate);
    const reply = await new Promise<{ status: number | undefined; hsts: unknown }>((resolve, reject) => {
      const asked = request(`${api.url}/health`, { ca }, (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode, hsts: answer.headers['strict-transport-security'] });
      });
      asked.on('error', reject).end();
    });
    expect(reply).toEqual({ status: 200, hsts: 'max-age=31536000' });
    await expect(fetch(api.url.replace('https', 'http'))).rejects.toThrow();
    // As the supervisor asks, whatever name the certificate is for.
    await requireHealth(secure.api);
    const other = join(folder, 'other.pem');
    await promisify(execFile)('openssl', [...made, '-out', other, '-keyout', join(folder, 'other-key.pem')]);
    const shownAnother = requireHealth({ ...secure.api, tls: { certificate: other, key } });
    await expect(shownAnother).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    await api.close();
    await rm(folder, { recursive: true });
  });
});

describe('the command line', () => {
  const perennial = async (...args: readonly string[]) => {
    const env = childVariables(settingsOf(stack.environment));
    const { stdout } = await promisify(execFile)(process.execPath, ['cli/perennial.mjs', ...args], { env });
    return stdout.trim();
  };
  const models = async (text: string) => (await call('prod', { method: 'GET', route: '/models' }, bearer(text))).status;

  it('makes keys and tokens that open an environment, revokes keys, and verifies the audit of it all', async () => {
    const key = await perennial('api-key', 'create', '--env', 'prod', '--role', 'viewer', '--name', 'shop');
    expect(await models(key)).toBe(200);
    expect(await models(await perennial('token', '--env', 'prod', '--role', 'viewer'))).toBe(200);
    expect(await models(await perennial('token', '--env', 'dev', '--role', 'viewer'))).toBe(401);
    const id = key.split('_')[2] ?? '';
    await perennial('api-key', 'revoke', id, '--env', 'prod', '--why', 'lost');
    const listed = JSON.parse(await perennial('api-key', 'list', '--env', 'prod', '--json')) as {
      key: string;
      revoked: string;
    }[];
    expect(listed.find((one) => one.key === id)?.revoked).toMatch(/: lost$/);
    expect(JSON.stringify(listed)).not.toContain(key);
    await expect.poll(() => models(key)).toBe(401);
    expect(await perennial('audit', 'verify', '--env', 'prod')).toMatch(/rows of prod hold/);
  });
});

// Last of all, for nothing answers after it.
describe('without Postgres', () => {
  it('goes on for tokens and for keys that it knew, counts by itself, and tells others to try again', async () => {
    const token = await makeToken(environments.prod, { roles: ['viewer'], seconds: 600 });
    const stranger = (await newKey('prod', ['viewer'])).text;
    const known = of(given, 'prod viewer');
    const models = (text: string) => call('prod', { method: 'GET', route: '/models' }, bearer(text));
    expect((await models(known)).status).toBe(200);
    await stopStack(stack.environment);
    expect((await models(token)).status).toBe(200);
    const reply = await models(known);
    expect([reply.status, reply.headers.get('ratelimit-limit')]).toEqual([200, '1000000']);
    expect((await models(stranger)).status).toBe(503);
  });
});
