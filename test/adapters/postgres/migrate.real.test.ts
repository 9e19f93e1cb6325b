// Migrations on a real Postgres: each once, in order, whole or not at all, however many come at the same time.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrate } from '../../../adapters/postgres/migrate.ts';
import { ensureDatabase, openPool, withConnection } from '../../../adapters/postgres/pool.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

let stack: TestStack;
let directory: string;
let schema: string;
let count = 0;

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
});
afterAll(() => stack?.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'perennial-migrations-'));
  count += 1;
  schema = `space "${count}`;
  return () => rm(directory, { recursive: true });
});

const put = (name: string, sql: string) => writeFile(join(directory, name), sql);
const run = () => withConnection(stack.environment.owner, (client) => migrate(client, { schema, directory }));
const ask = async (sql: string): Promise<unknown[]> => {
  const pool = openPool(stack.environment.owner, { max: 1, schema: schema.replaceAll(' ', '\\ ') });
  try {
    return (await pool.query<Record<string, unknown>>(sql)).rows.map((row) => Object.values(row)[0]);
  } finally {
    await pool.end();
  }
};

describe('migrate', () => {
  it('applies what is new, in order, once', async () => {
    await put('000001_plant.sql', "create table plant (name text); insert into plant values ('fern')");
    expect(await run()).toEqual(['000001_plant.sql']);
    expect(await run()).toEqual([]);
    await put('000002_height.sql', 'alter table plant add height int default 3');
    expect(await run()).toEqual(['000002_height.sql']);
    expect(await ask('select height from plant')).toEqual([3]);
  });

  it('is whole or not at all, and can be run again when mended', async () => {
    await put('000001_plant.sql', 'create table plant (name text); select nonsense');
    await expect(run()).rejects.toThrow(/000001_plant\.sql/);
    expect(await ask('select count(*)::int from migrations')).toEqual([0]);
    await put('000001_plant.sql', 'create table plant (name text)');
    expect(await run()).toEqual(['000001_plant.sql']);
  });

  it('refuses a file that changed after it was applied', async () => {
    await put('000001_plant.sql', 'create table plant (name text)');
    await run();
    await put('000001_plant.sql', 'create table plant (name text, height int)');
    await expect(run()).rejects.toThrow(expect.objectContaining({ code: 'HASH_MISMATCH' }));
  });

  it('lets eight callers at once apply it once', async () => {
    await put('000001_plant.sql', 'create table plant (name text); select pg_sleep(0.2)');
    const outcomes = await Promise.all(Array.from({ length: 8 }, run));
    expect(outcomes.flat()).toEqual(['000001_plant.sql']);
  });

  it('keeps schemas apart', async () => {
    await put('000001_plant.sql', 'create table plant (name text)');
    const other = { schema: 'elsewhere', directory };
    expect(await withConnection(stack.environment.owner, (client) => migrate(client, other))).toHaveLength(1);
    expect(await run()).toHaveLength(1);
  });

  it.each([['1_plant.sql'], ['000001_Plant.sql'], ['000001-plant.sql']])('refuses the name %s', async (name) => {
    await put(name, 'select 1');
    await expect(run()).rejects.toThrow(/misnamed/);
  });

  it('refuses one number twice', async () => {
    await put('000001_a.sql', 'select 1');
    await put('000001_b.sql', 'select 1');
    await expect(run()).rejects.toThrow(/same number/);
  });
});

describe('ensureDatabase', () => {
  it('makes a database once, however many ask', async () => {
    const { owner } = stack.environment;
    await Promise.all(Array.from({ length: 5 }, () => ensureDatabase(owner, 'odd "name')));
    const found = await withConnection({ ...owner, database: 'odd "name' }, (client) => client.query('select 1'));
    expect(found.rowCount).toBe(1);
  });
});
