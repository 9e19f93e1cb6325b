// The audit of reads on a real Postgres and a real API: who looked at whom is found again, every way to falsify it is told, and what is old
// expires without breaking the chain. And the API's own routes to the audit and to the keys.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresApiKeys } from '../adapters/postgres/api-keys.ts';
import { PostgresAudit } from '../adapters/postgres/audit.ts';
import { PostgresAuditReads } from '../adapters/postgres/audit-reads.ts';
import { openPool, withConnection } from '../adapters/postgres/pool.ts';
import type { ApiRole } from '../core/api-policy.ts';
import type { NotedRead } from '../core/audit-read.ts';
import {
  childVariables,
  type Environment,
  type EnvironmentName,
  settingsOf,
  siblingOf,
} from '../environments/environment.ts';
import { anchorIn, chainsOf, moveAnchor, readsAnchorIn } from '../serving/access/anchor.ts';
import { verifyAll } from '../serving/access/desks.ts';
import { type RunningApi, startApi } from '../serving/server.ts';
import { startTestStack, type TestStack } from './support/stack.ts';

let stack: TestStack;
let staging: Environment;
let pool: Pool;
let api: RunningApi;

const reads = () => new PostgresAuditReads(pool);
const anchor = () => readsAnchorIn(staging.keys, 'staging');
const verify = () => moveAnchor(reads(), anchor(), { whole: true, at: new Date() });
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();

const noted = (who: string, ...entities: string[]): NotedRead => ({
  who,
  roles: ['analyst'],
  policy: 'predict',
  route: 'POST /predict',
  resource: 'propensity',
  status: 200,
  from: '2026-01-01T00:00:00.000Z',
  until: new Date().toISOString(),
  count: 1,
  entities,
});
const write = async (...rows: NotedRead[]) => {
  const batch = { id: randomUUID(), rows };
  await reads().write(batch);
  return batch;
};

const asOwner = (work: string) =>
  withConnection(stack.environment.owner, async (client) => {
    await client.query('set search_path to staging');
    await client.query(work);
  });

const keyOf = async (environment: EnvironmentName, roles: readonly ApiRole[]) => {
  const other = openPool(siblingOf(stack.environment, environment).postgres, { max: 1, schema: environment });
  try {
    return await new PostgresApiKeys(other).create({ environment, name: 'test', roles, days: 1, by: 'test' });
  } finally {
    await other.end();
  }
};

const ask = async (key: string, path: string, { method = 'GET', body }: { method?: string; body?: unknown } = {}) => {
  const headers = { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
  const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
  const reply = await fetch(`${api.url}${path}`, { method, headers, ...sent });
  return { status: reply.status, body: JSON.parse(await reply.text()) };
};

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  staging = siblingOf(stack.environment, 'staging');
  pool = openPool(staging.postgres, { max: 4, schema: 'staging' });
});
afterAll(async () => {
  await api?.close();
  await pool?.end();
  await stack?.stop();
});

describe('reads', () => {
  // Three batches of forty days ago, chained as they would have been.
  it('that are old expire, and the chain holds from there on', async () => {
    await asOwner(`
      alter table audit_reads disable trigger audit_reads_are_chained;
      do $$ declare before text := repeat('0', 64); line text; begin
        for i in 1..3 loop
          line := jsonb_build_object('seq', i, 'at', to_char((now() - interval '40 days') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'account', session_user, 'batch', gen_random_uuid(), 'reads', '[]'::jsonb)::text;
          insert into audit_reads values (i, gen_random_uuid(), line, before, encode(sha256(convert_to(before || line, 'UTF8')), 'hex'));
          before := encode(sha256(convert_to(before || line, 'UTF8')), 'hex');
        end loop; end $$;
      alter table audit_reads enable trigger audit_reads_are_chained`);
    await write(noted('ann', '1'));
    await write(noted('bob', '1', '2'));
    expect(await verify()).toMatchObject({ rows: 5, faults: [] });
    await expect(reads().expire(daysAgo(29), 'test')).rejects.toThrow(/last 30 days stay/);
    expect(await reads().olderThan(daysAgo(31))).toBe(3);
    expect(await reads().expire(daysAgo(31), 'test')).toBe(3);
    expect(await reads().expire(daysAgo(31), 'test')).toBe(0);
    expect(await verify()).toMatchObject({ rows: 2, head: { seq: 5 }, faults: [] });
    await write(noted('ann', '3'));
    expect(await verify()).toMatchObject({ rows: 3, head: { seq: 6 }, faults: [] });
    const [known] = await new PostgresAudit(pool).find({ what: 'audit_read_expiries insert', limit: 9 });
    expect(known).toMatchObject({ who: 'test', row: { batches: 3, through_seq: 3 } });
  });

  it('are found by who and by whom, a page at a time, and tell nobody of others', async () => {
    const found = await reads().find({ entity: '1', limit: 10 });
    expect(found.map(({ who, entities }) => [who, entities])).toEqual([
      ['bob', ['1']],
      ['ann', ['1']],
    ]);
    expect((await reads().find({ who: 'ann', limit: 10 })).map(({ entities }) => entities)).toEqual([['3'], ['1']]);
    expect(await reads().find({ who: 'ann', entity: '2', limit: 10 })).toEqual([]);
    expect(await reads().find({ since: daysAgo(-1), limit: 10 })).toEqual([]);
    const [first] = await reads().find({ limit: 1 });
    expect((await reads().find({ limit: 10, before: first?.cursor ?? '' })).map(({ who }) => who)).toEqual([
      'bob',
      'ann',
    ]);
  });

  it('are written once, however often they are sent, and say nothing but what the table says of itself', async () => {
    const batch = await write(noted('eve', '4'));
    await reads().write(batch);
    expect(await reads().find({ who: 'eve', limit: 10 })).toHaveLength(1);
    const forged = `insert into audit_reads (seq, batch, entry, previous, hash) values (1, $1, '[]', '', 'x') returning seq`;
    expect((await pool.query(forged, [randomUUID()])).rows).toEqual([{ seq: '8' }]);
    await Promise.all(Array.from({ length: 20 }, (_, i) => write(noted(`p${i}`, '5'))));
    expect((await verify()).faults).toEqual([]);
    const bad = { id: randomUUID(), rows: [{ ...noted('x'), resource: 'a\0b' }] };
    await expect(reads().write(bad)).rejects.toMatchObject({ code: 'INVALID_INPUT', hopeless: true });
  });

  it('are changed and deleted by nobody, the owner neither', async () => {
    for (const sql of ['delete from audit_reads', `update audit_reads set entry = ''`, 'truncate audit_reads']) {
      await expect(pool.query(sql)).rejects.toThrow(/permission denied/);
      await expect(asOwner(sql)).rejects.toThrow(/is refused/);
    }
    await expect(asOwner('delete from audit_read_expiries')).rejects.toThrow(/is refused/);
  });

  /** As somebody who owns the server, with its guards switched off. Undone afterwards, the guards as well. */
  const tampered = async <T>(sql: string, look: () => Promise<T>): Promise<T> => {
    const all = (verb: string) =>
      ['audit_reads', 'audit_read_expiries'].map((table) => `alter table ${table} ${verb} trigger all;`);
    const check = `alter table audit_reads drop constraint if exists audit_reads_hashes;`;
    await asOwner(`create table kept as select * from audit_reads; ${all('disable').join('')} ${check} ${sql}`);
    try {
      return await look();
    } finally {
      const back = 'delete from audit_reads; insert into audit_reads select * from kept; drop table kept;';
      await asOwner(`${back} delete from audit_read_expiries where by = 'mallory'; ${all('enable').join('')}`);
    }
  };
  const forgedExpiry = `insert into audit_read_expiries (at, by, expire_before, batches, through_seq, through_hash)
    select now(), 'mallory', now(), 1, seq, hash from audit_reads where seq = 6; delete from audit_reads where seq <= 6`;

  it.each([
    ['an edit', `update audit_reads set entry = replace(entry, '"ann"', '"eve"') where seq = 6`, /text was changed/],
    [
      'an edit with its hash made right',
      `update audit_reads set entry = entry || ' ', hash = encode(sha256(convert_to(previous || entry || ' ', 'UTF8')), 'hex') where seq = 6`,
      /does not follow/,
    ],
    ['a deletion', 'delete from audit_reads where seq = 6', /a row is missing/],
    ['a deletion of the first', 'delete from audit_reads where seq = 4', /a row is missing/],
    ['an expiry that the audit does not know', forgedExpiry, /3 rows are missing/],
    [
      'two rows that changed places',
      'update audit_reads set seq = 1000 where seq = 5; update audit_reads set seq = 5 where seq = 6; update audit_reads set seq = 6 where seq = 1000',
      /moved/,
    ],
    ['a cut tail', 'delete from audit_reads where seq > (select max(seq) - 2 from audit_reads)', /the tail was cut/],
    ['a chain without any row', 'delete from audit_reads', /the tail was cut/],
  ])('tell of %s', async (_, sql, why) => {
    await verify();
    const known = anchor().read();
    const report = await tampered(sql, verify);
    expect(report.faults.map((fault) => fault.why).join()).toMatch(why);
    expect(anchor().read()).toEqual(known);
    expect((await verify()).faults).toEqual([]);
  });
});

describe('the anchor of reads', () => {
  it('is none of the changes, and one that somebody put there is told without telling where', async () => {
    await verify();
    const changes = anchorIn(staging.keys, 'staging');
    await moveAnchor(new PostgresAudit(pool), changes, { whole: true, at: new Date() });
    const [mine, other] = ['audit-reads-anchor.json', 'audit-anchor.json'].map((file) => join(staging.keys, file));
    const good = await readFile(mine ?? '', 'utf8');
    await copyFile(other ?? '', mine ?? '');
    await expect(verify()).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    const told = await verifyAll(chainsOf(pool, staging.keys, 'staging'), new Date());
    expect(told).toMatchObject({
      changes: { faults: [] },
      reads: { faults: [{ why: expect.stringContaining('not trusted') }] },
    });
    expect(JSON.stringify(told)).not.toContain(staging.keys);
    await writeFile(mine ?? '', good);
    expect((await verify()).faults).toEqual([]);
  });
});

describe('a running API', () => {
  let admin: Awaited<ReturnType<typeof keyOf>>;
  beforeAll(async () => {
    api = await startApi(staging);
    admin = await keyOf('staging', ['admin']);
  });
  const who = () => `key:${admin.key.id}`;
  const found = async (query: string) => (await ask(admin.text, `/audit/reads?${query}`)).body.reads as NotedRead[];

  it('notes who looked at whom and who was refused, and tells it over HTTP', async () => {
    const viewer = await keyOf('staging', ['viewer']);
    await ask(admin.text, '/features/customer_daily/510017288');
    for (let i = 0; i < 3; i += 1) await ask(viewer.text, '/features/customer_daily/510017288');
    await fetch(`${api.url}/features/customer_daily/510017288`);
    await expect.poll(async () => (await found('entity=510017288')).length).toBeGreaterThan(0);
    const features = ({ route }: NotedRead) => route === 'GET /features/:view/:entity';
    expect((await found('entity=510017288')).filter(features)).toMatchObject([
      { who: who(), status: 404, count: 1, entities: ['510017288'] },
    ]);
    expect(await found(`who=key:${viewer.key.id}`)).toMatchObject([
      { status: 403, count: 3, roles: ['viewer'], entities: [] },
    ]);
    expect(await found('who=address:127.0.0.1')).toMatchObject([{ status: 401, count: 1 }]);
    // Whoever asks the audit about somebody looked at him, too.
    await expect
      .poll(async () => (await found('entity=510017288')).map(({ route }) => route))
      .toContain('GET /audit/reads');
    expect((await ask(admin.text, '/audit/verify')).body).toMatchObject({ holds: true });
  });

  it('takes no half of a character, which would stop its logs', async () => {
    for (const [path, body] of [
      ['/predict', '{"user_id":"\\ud800"}'],
      ['/predict/batch', '{"user_ids":["1","\\udc00"]}'],
    ] as const) {
      expect((await ask(admin.text, path, { method: 'POST', body })).status).toBe(400);
    }
  });

  it('makes keys, once told, and ends them; the audit says who did', async () => {
    const made = await ask(admin.text, '/api-keys', {
      method: 'POST',
      body: { name: 'shop', roles: ['viewer'], days: 3 },
    });
    expect(made).toMatchObject({ status: 201, body: { created_by: who(), roles: ['viewer'] } });
    const { id, key } = made.body as { id: string; key: string };
    expect((await ask(key, '/models')).status).toBe(200);
    const listed = await ask(admin.text, '/api-keys');
    expect(listed.body.keys.map((one: { id: string }) => one.id)).toContain(id);
    expect(JSON.stringify(listed.body)).not.toContain(key);
    expect((await ask(admin.text, `/api-keys/${id}?why=lost`, { method: 'DELETE' })).body).toMatchObject({
      revoked_by: who(),
    });
    await expect.poll(async () => (await ask(key, '/models')).status).toBe(401);
    const { changes } = (await ask(admin.text, `/audit?who=${who()}`)).body;
    expect(changes.map(({ what }: { what: string }) => what)).toEqual(['api_keys update', 'api_keys insert']);
    expect(JSON.stringify(changes)).not.toMatch(/sha256|perennial_staging_[0-9a-f]{12}_/);
  });

  it('takes an administrator of another environment for nobody', async () => {
    const stranger = await keyOf('dev', ['admin']);
    for (const [path, method] of [
      ['/audit', 'GET'],
      ['/api-keys', 'GET'],
      ['/api-keys', 'POST'],
    ] as const) {
      const body = method === 'POST' ? { body: { name: 'x', roles: ['viewer'] } } : {};
      expect((await ask(stranger.text, path, { method, ...body })).status).toBe(401);
    }
  });

  it('is heard by the command line', async () => {
    const perennial = async (...args: readonly string[]) => {
      const env = childVariables(settingsOf(stack.environment));
      return (await promisify(execFile)(process.execPath, ['cli/perennial.mjs', ...args], { env })).stdout;
    };
    const told = await perennial(
      'audit',
      'reads',
      '--env',
      'staging',
      '--entity',
      '510017288',
      '--principal',
      who(),
      '--json',
    );
    expect(JSON.parse(told)).toContainEqual(
      expect.objectContaining({ route: 'GET /features/:view/:entity', who: who() }),
    );
    expect(await perennial('audit', 'verify', '--env', 'staging')).toMatch(/changes: .* hold.*\n.*reads: .* hold/);
  });
});
