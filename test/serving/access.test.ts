// Who is let in: every route by its policy, credentials of every kind and every known way to forge them, limits, and how answers travel.
import { createHmac, createPrivateKey, createPublicKey } from 'node:crypto';
import Fastify from 'fastify';
import { decodeProtectedHeader, exportJWK, importJWK, jwtVerify, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { newKeyPair } from '../../adapters/signing/ed25519.ts';
import { apiKeyParts, apiKeyText } from '../../core/api-key.ts';
import { type ApiRole, apiPolicies, apiRoles, mayUse } from '../../core/api-policy.ts';
import { emptyKeyring, withKey } from '../../core/keyring.ts';
import { credentialsOf } from '../../serving/access/credentials.ts';
import { controlAccess } from '../../serving/access/index.ts';
import { issueToken, jwksOf, readToken } from '../../serving/access/tokens.ts';
import { type AccessOptions, FakeKeys, FakeTokenKeys, fakeAccess } from './fake-access.ts';
import { fakeApp } from './fakes.ts';

const NOW = Date.parse('2025-05-02T10:00:00Z');
const MINUTE = 60_000;

const appWith = async (options: AccessOptions) => (await fakeApp({ access: fakeAccess(options) })).app;
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

describe('the policies', () => {
  // Spelled out by hand, independent of the table that is enforced.
  it.each([
    ['health', 'viewer analyst scientist approver admin'],
    ['token.issue', 'viewer analyst scientist approver admin'],
    ['token.keys', 'viewer analyst scientist approver admin'],
    ['openapi', 'viewer analyst scientist approver admin'],
    ['metrics', 'viewer analyst scientist approver admin'],
    ['models.read', 'viewer analyst scientist approver admin'],
    ['pages.read', 'viewer analyst scientist approver admin'],
    ['predict', 'analyst scientist admin'],
    ['predict.top', 'analyst scientist admin'],
    ['explain', 'analyst scientist approver admin'],
    ['features.read', 'analyst scientist admin'],
    ['predictions.read', 'analyst scientist approver admin'],
    ['score.batch', 'scientist admin'],
    ['features.push', 'scientist admin'],
    ['audit.read', 'approver admin'],
    ['keys.manage', 'admin'],
  ] as const)('open %s to %s', (policy, roles) => {
    expect(apiRoles.filter((role) => mayUse(policy, [role])).join(' ')).toBe(roles);
    const open = ['health', 'token.issue', 'token.keys'].includes(policy);
    expect(mayUse(policy, [])).toBe(open);
  });

  it('are all in the list above', () => {
    expect(Object.keys(apiPolicies)).toHaveLength(16);
  });
});

describe('the gate', () => {
  it('knows a policy of every route, and the description knows every route', async () => {
    const { app } = await fakeApp();
    expect(app.guarded.filter(({ policy }) => policy === undefined)).toEqual([]);
    const described = Object.keys((await app.inject('/openapi.json')).json().paths);
    const running = app.guarded.map(({ url }) => url.replace(/:(\w+)/g, '{$1}'));
    expect([...new Set(running)].filter((url) => url !== '/openapi.json').sort()).toEqual(described.sort());
  });

  it('closes a route that names no policy, or one that is not there, to everybody', async () => {
    const bare = Fastify();
    await controlAccess(bare, fakeAccess({ anonymousRoles: ['admin'] }));
    bare.get('/forgotten', () => 'secret');
    bare.get('/misspelt', { config: { policy: 'toString' as 'health' } }, () => 'secret');
    for (const url of ['/forgotten', '/misspelt']) {
      const reply = await bare.inject(url);
      expect(reply.statusCode).toBe(403);
      expect(reply.headers['content-type']).toContain('application/problem+json');
      expect(reply.body).not.toContain('secret');
    }
  });

  it('answers 401 without credentials where nobody is anonymous, 403 to the wrong role, and lets health be asked', async () => {
    const keys = new FakeKeys('prod');
    const viewer = keys.add(['viewer']);
    const app = await appWith({ environment: 'prod', anonymousRoles: [], keys });
    const nobody = await app.inject('/predict/propensity/123');
    expect(nobody.statusCode).toBe(401);
    expect(nobody.headers['www-authenticate']).toBe('Bearer realm="perennial prod"');
    expect(nobody.json()).toMatchObject({ status: 401, field: 'authorization' });
    const wrong = await app.inject({ url: '/predict/propensity/123', headers: bearer(viewer) });
    expect(wrong.json()).toMatchObject({
      status: 403,
      value: 'predict',
      mend: 'One of these roles may: analyst, scientist, admin',
    });
    expect((await app.inject({ url: '/models', headers: bearer(viewer) })).statusCode).toBe(200);
    expect((await app.inject('/health')).statusCode).toBe(200);
  });

  it.each([
    ['DELETE', '/predict', 405, 'POST'],
    ['POST', '/models', 405, 'GET, HEAD'],
    ['PUT', '/predict/propensity/123', 405, 'GET, HEAD'],
    ['DELETE', '/predict/batch', 405, 'POST'],
    ['TRACE', '/health', 405, 'GET, HEAD'],
    ['DELETE', '/nowhere', 404, undefined],
    ['GET', '/nowhere', 404, undefined],
  ] as const)('answers %s %s with %i', async (method, url, status, allow) => {
    const reply = await (await fakeApp()).app.inject({ method, url });
    expect([reply.statusCode, reply.headers.allow]).toEqual([status, allow]);
    expect(reply.json()).toMatchObject({ status });
  });

  it('never takes bad credentials for none', async () => {
    const app = await appWith({});
    expect((await app.inject('/predict/propensity/123')).statusCode).toBe(200);
    for (const headers of [bearer('x'), { authorization: 'Negotiate x' }, { 'x-api-key': '' }, { authorization: '' }]) {
      expect((await app.inject({ url: '/predict/propensity/123', headers })).statusCode).toBe(401);
    }
  });
});

describe('an API key', () => {
  const roles: readonly ApiRole[] = ['analyst'];
  const ask = async (change: (keys: FakeKeys) => string) => {
    const keys = new FakeKeys('prod');
    const text = change(keys);
    const app = await appWith({ environment: 'prod', anonymousRoles: [], keys, now: () => NOW });
    return app.inject({ url: '/predict/propensity/123', headers: { 'x-api-key': text } });
  };

  it.each<[string, number, (keys: FakeKeys) => string]>([
    ['is good', 200, (keys) => keys.add(roles)],
    ['has expired', 401, (keys) => keys.add(roles, { expiresAt: new Date(NOW) })],
    ['was revoked', 401, (keys) => keys.add(roles, { revokedAt: new Date(NOW) })],
    ['is of another environment', 401, () => new FakeKeys('dev').add(roles)],
    ['has another secret', 401, (keys) => `${keys.add(roles).slice(0, -2)}xx`],
    ['was never made', 401, () => apiKeyText('prod', Buffer.alloc(6, 9), Buffer.alloc(32, 9))],
    ['has a space before it', 401, (keys) => ` ${keys.add(roles)}`],
    ['has a space inside', 401, (keys) => keys.add(roles).replace('_prod', ' _prod')],
  ])('that %s gets %i', async (_, status, change) => {
    const reply = await ask(change);
    expect(reply.statusCode).toBe(status);
    expect(reply.body).not.toMatch(/perennial_prod_/);
  });

  it('is looked up once for many requests, and goes on while the store is away; an unknown one gets 503 then', async () => {
    const keys = new FakeKeys('prod');
    const text = keys.add(roles);
    const stranger = apiKeyText('prod', Buffer.alloc(6, 9), Buffer.alloc(32, 9));
    const app = await appWith({ environment: 'prod', anonymousRoles: [], keys });
    const status = async (key: string) =>
      (await app.inject({ url: '/predict/propensity/123', headers: bearer(key) })).statusCode;
    expect(await status(text)).toBe(200);
    keys.down = true;
    await new Promise((later) => setTimeout(later, 20));
    expect(await status(text)).toBe(200);
    expect(await status(stranger)).toBe(503);
    keys.down = false;
    expect(await status(stranger)).toBe(401);
  });

  it('is read in one form alone', () => {
    const text = new FakeKeys('dev').add(roles);
    expect(apiKeyParts(text)).toEqual({ environment: 'dev', id: '010101010101' });
    for (const other of [` ${text}`, `${text}\n`, text.toUpperCase(), text.slice(0, -1), `${text}a`, '']) {
      expect(apiKeyParts(other)).toBeUndefined();
    }
  });
});

describe('credentials', () => {
  const key = new FakeKeys('dev').add(['viewer']);
  const basic = `Basic ${Buffer.from(`anybody:${key}`).toString('base64')}`;
  it.each([
    [{}, 'GET', 'none'],
    [{ authorization: `Bearer ${key}` }, 'GET', 'key'],
    [{ authorization: `bearer a.b.c` }, 'GET', 'token'],
    [{ authorization: `Bearer  a.b.c` }, 'GET', 'malformed'],
    [{ authorization: `Bearer a.b.c ` }, 'GET', 'malformed'],
    [{ authorization: 'a.b.c' }, 'GET', 'malformed'],
    [{ authorization: `Bearer ${'a'.repeat(5_000)}` }, 'GET', 'malformed'],
    [{ authorization: `Bearer ${key}`, 'x-api-key': key }, 'GET', 'malformed'],
    [{ authorization: basic }, 'GET', 'key'],
    [{ authorization: basic }, 'POST', 'malformed'],
    [{ authorization: 'Basic !!!' }, 'GET', 'malformed'],
  ])('%j of %s are %s', (headers, method, kind) => {
    expect(credentialsOf(headers, method).kind).toBe(kind);
  });
});

describe('a token', () => {
  const keys = new FakeTokenKeys('prod');
  const parts = { environment: 'prod', subject: 'key:1', roles: ['analyst'] as const, now: NOW };
  const read = (text: string, now = NOW, ring = keys) => readToken(text, ring.keyring(), { environment: 'prod', now });
  const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const sign = (header: Record<string, unknown>, claims: Record<string, unknown> = {}, pair = keys.trustedPair()) => {
    const at = NOW / 1_000;
    const payload = {
      iss: 'perennial',
      aud: 'prod',
      sub: 'key:1',
      jti: 'x',
      iat: at,
      exp: at + 900,
      roles: ['admin'],
      ...claims,
    };
    return new SignJWT(payload)
      .setProtectedHeader({ alg: 'EdDSA', kid: pair.id, typ: 'at+jwt', ...header })
      .sign(createPrivateKey(pair.privateKey));
  };

  let app: Awaited<ReturnType<typeof appWith>>;
  beforeAll(async () => {
    app = await appWith({ environment: 'prod', anonymousRoles: [], tokenKeys: keys, now: () => NOW });
  });

  it('says who asks, for fifteen minutes', async () => {
    const text = await issueToken(keys, parts);
    expect(decodeProtectedHeader(text)).toEqual({ alg: 'EdDSA', kid: keys.trustedPair().id, typ: 'at+jwt' });
    expect(await read(text)).toEqual({
      principal: { id: 'key:1', roles: ['analyst'], kind: 'token' },
      expiresAt: NOW + 15 * MINUTE,
    });
    expect(await read(text, NOW + 15 * MINUTE + 29_000)).toHaveProperty('principal');
    expect(await read(text, NOW + 15 * MINUTE + 31_000)).toEqual({ why: 'it has expired' });
    expect(await read(text, NOW - 29_000)).toHaveProperty('principal');
    expect(await read(text, NOW - 61_000)).toHaveProperty('why');
  });

  it('is checked by what jwks.json tells the world', async () => {
    const text = await issueToken(keys, parts);
    const [jwk] = (await jwksOf(keys.keyring())).keys;
    expect(Object.keys(jwk ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
    const { payload } = await jwtVerify(text, await importJWK(jwk ?? {}), { currentDate: new Date(NOW) });
    expect(payload).toMatchObject({ sub: 'key:1', aud: 'prod', roles: ['analyst'] });
  });

  const stranger = newKeyPair();
  const strangerJwk = async () => exportJWK(createPublicKey(stranger.publicKey));
  const publicPem = () => keys.trustedPair().publicKey;
  const macked = (header: Record<string, unknown>, secret: string | Buffer) => {
    const at = NOW / 1_000;
    const claims = { iss: 'perennial', aud: 'prod', sub: 'key:1', jti: 'x', iat: at, exp: at + 900, roles: ['admin'] };
    const input = `${b64(header)}.${b64(claims)}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  };
  const kid = () => keys.trustedPair().id;

  it.each<[string, () => string | Promise<string>]>([
    ['of algorithm none', () => macked({ alg: 'none', kid: kid(), typ: 'at+jwt' }, 'x').replace(/\.[^.]*$/, '.')],
    ['of algorithm none with a signature', () => macked({ alg: 'none', kid: kid(), typ: 'at+jwt' }, 'x')],
    ['of algorithm nOnE', () => macked({ alg: 'nOnE', kid: kid(), typ: 'at+jwt' }, 'x')],
    ['of HS256 with the public key as secret', () => macked({ alg: 'HS256', kid: kid(), typ: 'at+jwt' }, publicPem())],
    ['of HS256 with an empty secret', () => macked({ alg: 'HS256', kid: kid(), typ: 'at+jwt' }, '')],
    ['by a key of somebody else under its own name', () => sign({ kid: stranger.id }, {}, stranger)],
    ['by a key of somebody else under our name', () => sign({ kid: kid() }, {}, stranger)],
    ['without a key’s name', () => sign({ kid: undefined })],
    ['with a path as the key’s name', () => sign({ kid: '../../../dev/null' })],
    ['that brings its own key', async () => sign({ jwk: await strangerJwk(), kid: stranger.id }, {}, stranger)],
    ['that brings its own key beside ours', async () => sign({ jwk: await strangerJwk() })],
    ['that names an address of keys', () => sign({ jku: 'https://evil.example/jwks.json' })],
    ['that names a certificate', () => sign({ x5u: 'https://evil.example/cert.pem' })],
    ['of another type', () => sign({ typ: 'JWT' })],
    ['with a space before it', async () => ` ${await issueToken(keys, parts)}`],
    ['with a line after it', async () => `${await issueToken(keys, parts)}\n`],
    ['of another environment', () => sign({}, { aud: 'dev' })],
    ['of several environments, none this one', () => sign({}, { aud: ['dev', 'staging'] })],
    ['of another issuer', () => sign({}, { iss: 'evil' })],
    ['without an end', () => sign({}, { exp: undefined })],
    ['that ends in a year', () => sign({}, { exp: NOW / 1_000 + 31_536_000 })],
    ['that begins later', () => sign({}, { nbf: NOW / 1_000 + 61 })],
    ['that was issued later', () => sign({}, { iat: NOW / 1_000 + 61, exp: NOW / 1_000 + 900 })],
    ['of an unknown role', () => sign({}, { roles: ['root'] })],
    ['without roles', () => sign({}, { roles: undefined })],
    ['for nobody', () => sign({}, { sub: undefined })],
    [
      'whose claims were changed',
      async () => {
        const [head, , tail] = (await issueToken(keys, parts)).split('.');
        return `${head}.${b64({ iss: 'perennial', aud: 'prod', sub: 'key:1', jti: 'x', iat: 1, exp: 9e9, roles: ['admin'] })}.${tail}`;
      },
    ],
    ['that is none', () => 'a.b.c'],
  ])('%s is refused', async (_, forge) => {
    const text = await forge();
    expect(await read(text)).toEqual({ why: expect.stringMatching(/^(this|its?) /) });
    const reply = await app.inject({ url: '/models', headers: bearer(text.replace('\n', '%0a')) });
    expect(reply.statusCode).toBe(401);
  });

  it('of a former key is good until that key is removed', async () => {
    const turning = new FakeTokenKeys('prod');
    const old = await issueToken(turning, parts);
    const first = turning.trustedPair().id;
    turning.rotate();
    const fresh = await issueToken(turning, parts);
    expect(decodeProtectedHeader(fresh).kid).not.toBe(first);
    for (const text of [old, fresh]) expect(await read(text, NOW, turning)).toHaveProperty('principal');
    turning.remove(first);
    expect(await read(old, NOW, turning)).toEqual({ why: 'its key is not trusted here' });
    expect(await read(fresh, NOW, turning)).toHaveProperty('principal');
    expect((await jwksOf(turning.keyring())).keys.map(({ kid: id }) => id)).toEqual([turning.trustedPair().id]);
  });

  it('by a key that signs models is none', async () => {
    const models = newKeyPair();
    const ring = withKey(emptyKeyring('prod'), { ...models, addedAt: '2025-01-01T00:00:00.000Z' });
    const text = await issueToken({ keyring: () => ring, trustedPair: () => models }, parts);
    expect(await read(text)).toEqual({ why: 'its key is not trusted here' });
  });
});

describe('answers', () => {
  it('are compressed where it pays, and never when asked not to', async () => {
    const app = await appWith({});
    const page = (encoding: string) => app.inject({ url: '/openapi.json', headers: { 'accept-encoding': encoding } });
    expect((await page('br, gzip')).headers['content-encoding']).toBe('br');
    expect((await page('gzip')).headers['content-encoding']).toBe('gzip');
    expect((await page('identity')).headers['content-encoding']).toBeUndefined();
    const short = await app.inject({ url: '/predict/propensity/123', headers: { 'accept-encoding': 'br' } });
    expect(short.headers['content-encoding']).toBeUndefined();
  });

  it('carry the headers that keep a browser from guessing, refusals too', async () => {
    const app = await appWith({ anonymousRoles: [] });
    for (const url of ['/health', '/models', '/nowhere']) {
      expect((await app.inject(url)).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
    }
  });

  it('go to no other origin unless it was named', async () => {
    const origin = 'https://shop.example';
    const closed = await appWith({});
    expect((await closed.inject({ url: '/models', headers: { origin } })).headers).not.toHaveProperty(
      'access-control-allow-origin',
    );
    const open = await appWith({ corsOrigins: [origin] });
    const asked = { 'access-control-request-method': 'POST' };
    const flight = await open.inject({ method: 'OPTIONS', url: '/predict', headers: { origin, ...asked } });
    expect(flight.statusCode).toBe(204);
    expect(flight.headers['access-control-allow-origin']).toBe(origin);
    const other = await open.inject({ url: '/models', headers: { origin: 'https://evil.example' } });
    expect(other.headers['access-control-allow-origin']).not.toBe('https://evil.example');
    expect(other.headers).not.toHaveProperty('access-control-allow-credentials');
  });
});
