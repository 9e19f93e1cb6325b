// The audit on a real Postgres: written by the tables themselves, without gaps, by nobody else; and every way to falsify it is found.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresApiKeys } from '../adapters/postgres/api-keys.ts';
import { PostgresAudit } from '../adapters/postgres/audit.ts';
import { openPool, withConnection } from '../adapters/postgres/pool.ts';
import { makeToken } from '../cli/api-token.ts';
import type { ApiRole } from '../core/api-policy.ts';
import { type Environment, siblingOf } from '../environments/environment.ts';
import { anchorIn, moveAnchor } from '../serving/access/anchor.ts';
import { tokenKeysIn } from '../serving/access/tokens.ts';
import { startTestStack, type TestStack } from './support/stack.ts';

let stack: TestStack;
let staging: Environment;
let pool: Pool;

const keys = () => new PostgresApiKeys(pool);
const newKey = (roles: readonly ApiRole[]) =>
  keys().create({ environment: 'staging', name: 'test', roles, days: 1, by: 'test' });

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  staging = siblingOf(stack.environment, 'staging');
  pool = openPool(staging.postgres, { max: 4, schema: 'staging' });
  for (const role of ['viewer', 'analyst', 'scientist'] as const) await newKey([role]);
});
afterAll(async () => {
  await pool?.end();
  await stack?.stop();
});

describe('the audit', () => {
  const audit = () => new PostgresAudit(pool);
  const anchor = () => anchorIn(staging.keys, 'staging');
  const verify = () => moveAnchor(audit(), anchor(), { whole: true, at: new Date() });
  /** As somebody who owns the server, with its guards switched off. Undone afterwards, the guards as well. */
  const tampered = async (sql: string, look: () => Promise<unknown>) => {
    await withConnection(stack.environment.owner, async (client) => {
      await client.query('set search_path to staging');
      await client.query('create table kept as select * from audit_log');
      await client.query('alter table audit_log disable trigger all');
      await client.query(`alter table audit_log drop constraint if exists audit_log_hashes`);
      await client.query(sql);
    });
    try {
      return await look();
    } finally {
      await withConnection(stack.environment.owner, async (client) => {
        await client.query('set search_path to staging');
        await client.query('delete from audit_log; insert into audit_log select * from kept; drop table kept');
        await client.query('alter table audit_log enable trigger all');
      });
    }
  };

  it('knows who made, used and revoked what, by which account, and holds', async () => {
    const { key } = await newKey(['analyst']);
    await keys().revoke(key.id, 'ann', 'lost');
    await makeToken(staging, { roles: ['viewer'], seconds: 60 });
    const report = await verify();
    expect(report.faults).toEqual([]);
    const entries = await audit().find({ limit: 3 });
    expect(entries.map(({ what, account }) => [what, account])).toEqual([
      ['issued_tokens insert', 'perennial_staging_service'],
      ['api_keys update', 'perennial_staging_service'],
      ['api_keys insert', 'perennial_staging_service'],
    ]);
    expect(entries[1]).toMatchObject({ who: 'ann', row: { id: key.id, revoked_why: 'lost' } });
    expect(JSON.stringify(entries)).not.toContain('sha256');
    expect(anchor().read()).toMatchObject({ seq: report.head.seq, hash: report.head.hash });
  });

  it('has no gap however many write at once, and no row of what was rolled back', async () => {
    const before = (await verify()).rows;
    await Promise.all(Array.from({ length: 20 }, () => newKey(['viewer'])));
    const connection = await pool.connect();
    await connection.query('begin');
    await connection.query(`insert into issued_tokens (by, roles, expires_at) values ('ann', '{viewer}', now())`);
    await connection.query('rollback');
    connection.release();
    expect(await verify()).toMatchObject({ rows: before + 20, faults: [] });
  });

  it('may be written by nobody but its own triggers', async () => {
    const row = `insert into audit_log (seq, entry, previous, hash) values (1000000, '{}', '', '')`;
    for (const sql of [row, 'delete from audit_log', `update audit_log set entry = ''`, 'truncate audit_log']) {
      await expect(pool.query(sql)).rejects.toThrow(/permission denied/);
    }
  });

  const rehash = `
    do $$ declare r record; h text := repeat('0', 64); begin
      for r in select * from audit_log order by seq loop
        h := encode(sha256(convert_to(h || r.entry, 'UTF8')), 'hex');
        update audit_log set hash = h, previous = coalesce((select hash from audit_log where seq = r.seq - 1), repeat('0', 64)) where seq = r.seq;
      end loop; end $$`;

  it.each([
    ['an edit', `update audit_log set entry = replace(entry, '"test"', '"mallory"') where seq = 3`, /text was changed/],
    [
      'an edit with its hash made right',
      `update audit_log set entry = entry || ' ', hash = encode(sha256(convert_to(previous || entry || ' ', 'UTF8')), 'hex') where seq = 3`,
      /does not follow/,
    ],
    ['a deletion', 'delete from audit_log where seq = 3', /a row is missing/],
    ['a deletion of the first', 'delete from audit_log where seq = 1', /a row is missing/],
    [
      'two rows that changed places',
      'update audit_log set seq = 1000000 where seq = 2; update audit_log set seq = 2 where seq = 3; update audit_log set seq = 3 where seq = 1000000',
      /moved/,
    ],
    ['a cut tail', 'delete from audit_log where seq > (select max(seq) - 2 from audit_log)', /the tail was cut/],
    ['a chain without any row', 'delete from audit_log', /the tail was cut/],
    [
      'a chain written anew',
      `update audit_log set entry = replace(entry, '"test"', '"mallory"') where seq = 2; ${rehash}`,
      /written anew/,
    ],
  ])('tells of %s', async (_, sql, why) => {
    await verify();
    const known = anchor().read();
    const report = (await tampered(sql, verify)) as Awaited<ReturnType<typeof verify>>;
    expect(report.faults.map((fault) => fault.why).join()).toMatch(why);
    // The evidence stays.
    expect(anchor().read()).toEqual(known);
    expect((await verify()).faults).toEqual([]);
  });

  it('is anchored anew once another key signs, so that the former may be revoked', async () => {
    const signing = tokenKeysIn(staging.keys, 'staging');
    await verify();
    const former = anchor().read()?.keyId ?? '';
    signing.rotate();
    await verify();
    expect(anchor().read()?.keyId).toBe(signing.keyring().current);
    signing.revoke(former, 'tried');
    expect((await verify()).faults).toEqual([]);
  });

  it('is not fooled by an anchor that somebody wrote by hand', async () => {
    await verify();
    const file = join(staging.keys, 'audit-anchor.json');
    const good = await readFile(file, 'utf8');
    await writeFile(file, good.replace(/"seq": \d+/, '"seq": 1'));
    await expect(verify()).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    await writeFile(file, good);
    expect((await verify()).faults).toEqual([]);
  });
});
