// The audit and the keys over HTTP, over desks in memory: pages and filters, what is told once, who may hand on what.
import { describe, expect, it } from 'vitest';
import type { ApiKeyRow } from '../../adapters/postgres/api-keys.ts';
import { type ApiRole, apiRoles, mayGrant } from '../../core/api-policy.ts';
import type { AuditEntry } from '../../core/audit.ts';
import { PerennialError } from '../../core/errors.ts';
import { type KeyDesk, requireGrant } from '../../serving/routes/api-keys.ts';
import type { AuditDesk } from '../../serving/routes/audit.ts';
import { FakeKeys, fakeAccess } from './fake-access.ts';
import { fakeApp } from './fakes.ts';

const entry = (seq: number): AuditEntry => ({
  seq,
  at: '2026-01-01T00:00:00.000000Z',
  account: 'service',
  who: 'ann',
  what: 'aliases update',
  row: { model: 'shop/propensity', version: seq },
});
const noted = {
  who: 'ann',
  roles: ['analyst'],
  policy: 'predict',
  route: 'POST /predict',
  resource: 'propensity',
  status: 200,
  from: '2026-01-01T00:00:00.000Z',
  until: '2026-01-01T00:00:01.000Z',
  count: 2,
  entities: ['9'],
};
const keyRow = (id: string, more: Partial<ApiKeyRow> = {}): ApiKeyRow => ({
  id,
  sha256: 'f'.repeat(64),
  name: 'shop',
  roles: ['viewer'],
  createdBy: 'ann',
  createdAt: new Date('2026-01-01'),
  expiresAt: new Date('2026-04-01'),
  revokedAt: null,
  revokedBy: null,
  revokedWhy: null,
  ...more,
});
const holds = { rows: 5, head: { seq: 5, hash: 'a'.repeat(64) }, faults: [] };

const deskOf = (more: Partial<AuditDesk> = {}): AuditDesk => ({
  changes: async ({ before = 6, limit }) =>
    [5, 4, 3, 2, 1]
      .filter((seq) => seq < before)
      .slice(0, limit)
      .map(entry),
  reads: async () => [{ ...noted, cursor: '3-1' }],
  verify: async () => ({ changes: holds, reads: holds }),
  ...more,
});

const appWith = async (more: { audit?: AuditDesk; keys?: KeyDesk; anonymousRoles?: readonly ApiRole[] } = {}) => {
  const known = new FakeKeys('prod');
  const headers = Object.fromEntries(apiRoles.map((role) => [role, { authorization: `Bearer ${known.add([role])}` }]));
  const { anonymousRoles = [], audit = deskOf(), keys } = more;
  const access = fakeAccess({ environment: 'prod', anonymousRoles, keys: known });
  const { app } = await fakeApp({ environment: 'prod', access, audit, ...(keys && { keys }) });
  return { app, headers };
};

describe('the audit over HTTP', () => {
  it('comes in pages, each of which names the next', async () => {
    const { app, headers } = await appWith();
    const pages: number[][] = [];
    for (let next: string | null = '6'; next !== null; ) {
      const url: string = `/audit?limit=2&before=${next}`;
      const reply = await app.inject({ url, headers: headers.approver ?? {} });
      const { changes, next: after } = reply.json<{ changes: AuditEntry[]; next: string | null }>();
      pages.push(changes.map(({ seq }) => seq));
      next = after;
    }
    expect(pages).toEqual([[5, 4], [3, 2], [1]]);
  });

  it('asks by who, what, entity and moment, and refuses other questions', async () => {
    const questions: unknown[] = [];
    const note = async (question: unknown) => {
      questions.push(question);
      return [];
    };
    const { app, headers } = await appWith({ audit: deskOf({ changes: note, reads: note }) });
    const ask = async (url: string) => (await app.inject({ url, headers: headers.admin ?? {} })).statusCode;
    const since = '2026-01-01T00:00:00Z';
    expect(await ask(`/audit?who=ann&what=aliases%20update&since=${since}`)).toBe(200);
    expect(await ask('/audit/reads?who=key:1&entity=9&before=3-1&limit=500')).toBe(200);
    expect(questions).toEqual([
      { who: 'ann', what: 'aliases update', since, limit: 50 },
      { who: 'key:1', entity: '9', before: '3-1', limit: 500 },
    ]);
    const refused = [
      '/audit?limit=0',
      '/audit?limit=501',
      '/audit?since=friday',
      '/audit/reads?before=3',
      '/audit?entity=9',
    ];
    for (const url of refused) expect(await ask(url), url).toBe(400);
  });

  it('tells whether it holds; a Postgres that is away is no fault of the record', async () => {
    const broken = { ...holds, faults: [{ seq: 3, why: 'its text was changed' }] };
    const { app, headers } = await appWith({
      audit: deskOf({ verify: async () => ({ changes: holds, reads: broken }) }),
    });
    const ask = () => app.inject({ url: '/audit/verify', headers: headers.approver ?? {} });
    expect((await ask()).json()).toMatchObject({ holds: false, reads: broken });
    const away = deskOf({ verify: async () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7')) });
    const other = await appWith({ audit: away });
    const reply = await other.app.inject({ url: '/audit/verify', headers: other.headers.admin ?? {} });
    expect(reply.statusCode).toBe(503);
    expect(reply.body).not.toContain('10.0.0.7');
  });
});

describe('keys over HTTP', () => {
  const desk = () => {
    const asked: unknown[] = [];
    const keys: KeyDesk = {
      list: async () => [keyRow('0'.repeat(12))],
      create: async (wanted) => {
        asked.push(wanted);
        return { text: 'perennial_prod_secret', key: keyRow('1'.repeat(12), { roles: [...wanted.roles] }) };
      },
      revoke: async (id, revokedBy, revokedWhy) => {
        if (id === '9'.repeat(12)) throw new PerennialError('UNKNOWN_NAME', 'No such API key');
        return keyRow(id, { revokedAt: new Date('2026-02-01'), revokedBy, revokedWhy });
      },
    };
    return { keys, asked };
  };

  it('are made by an administrator, whose name they carry, and told once', async () => {
    const { keys, asked } = desk();
    const { app, headers } = await appWith({ keys });
    const payload = { name: 'shop', roles: ['analyst', 'viewer'] };
    const made = await app.inject({ method: 'POST', url: '/api-keys', headers: headers.admin ?? {}, payload });
    expect([made.statusCode, made.headers['cache-control']]).toEqual([201, 'no-store']);
    expect(made.json()).toMatchObject({
      key: 'perennial_prod_secret',
      id: '1'.repeat(12),
      roles: ['analyst', 'viewer'],
    });
    const by = 'key:050505050505';
    expect(asked).toEqual([{ environment: 'prod', name: 'shop', roles: ['analyst', 'viewer'], days: 90, by }]);
    const listed = await app.inject({ url: '/api-keys', headers: headers.admin ?? {} });
    expect(listed.body).not.toMatch(/secret|sha256|ffff/);
  });

  it('are ended for a reason', async () => {
    const { app, headers } = await appWith(desk());
    const end = (id: string, query = '?why=lost') =>
      app.inject({ method: 'DELETE', url: `/api-keys/${id}${query}`, headers: headers.admin ?? {} });
    expect((await end('1'.repeat(12))).json()).toMatchObject({ revoked_by: 'key:050505050505', revoked_why: 'lost' });
    expect((await end('9'.repeat(12))).statusCode).toBe(404);
    expect((await end('1'.repeat(12), '')).statusCode).toBe(400);
    expect((await end('mine')).statusCode).toBe(400);
  });

  it('are neither made nor ended by nobody, whatever nobody may', async () => {
    const { keys, asked } = desk();
    const { app } = await appWith({ keys, anonymousRoles: ['admin'] });
    const payload = { name: 'shop', roles: ['admin'] };
    expect((await app.inject({ method: 'POST', url: '/api-keys', payload })).statusCode).toBe(403);
    expect((await app.inject({ method: 'DELETE', url: `/api-keys/${'1'.repeat(12)}?why=x` })).statusCode).toBe(403);
    expect(asked).toEqual([]);
  });

  it('may do no more than whoever makes them', () => {
    const grants = apiRoles.map((mine) => `${mine}: ${apiRoles.filter((role) => mayGrant([mine], role)).join(' ')}`);
    expect(grants).toEqual([
      'viewer: viewer',
      'analyst: viewer analyst',
      'scientist: viewer analyst scientist',
      'approver: viewer approver',
      'admin: viewer analyst scientist approver admin',
    ]);
    expect(mayGrant([], 'viewer')).toBe(false);
    const scientist = { id: 'ann', roles: ['scientist'], kind: 'token' } as const;
    expect(() => requireGrant(scientist, ['viewer', 'analyst'])).not.toThrow();
    expect(() => requireGrant(scientist, ['viewer', 'approver'])).toThrow(/no more than whoever makes it .*approver/);
  });
});
