// The registry on a real Postgres: one key one version, one holder one winner, one deed one audit row, nothing undone.
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPool } from '../../../adapters/postgres/pool.ts';
import { type AliasMove, type NewVersion, PostgresRegistry } from '../../../adapters/postgres/registry.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

let stack: TestStack;
let pool: Pool;
let ownersPool: Pool;
let registry: PostgresRegistry;

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  const { postgres, owner, schema } = stack.environment;
  pool = openPool(postgres, { max: 30, schema });
  ownersPool = openPool(owner, { max: 1, schema });
  registry = new PostgresRegistry(pool);
});
afterAll(async () => {
  await pool?.end();
  await ownersPool?.end();
  await stack?.stop();
});

const sha = (digit: string) => digit.repeat(64);
const newVersion = (model: string, key: string, more: Partial<NewVersion> = {}): NewVersion => ({
  model: `shop/${model}`,
  key: `${model}-${key}`.padEnd(16, '-'),
  packageSha256: sha('a'),
  metrics: { roc_auc: 0.75 },
  lineage: { seed: 42 },
  by: 'run-ecommerce',
  why: 'trained',
  runId: 'run-1',
  ...more,
});
const register = async (model: string, key: string) =>
  (await registry.registerVersion(newVersion(model, key))).version.version;
const move = (model: string, from: number | null, to: number, operation: string): AliasMove => ({
  model: `shop/${model}`,
  alias: 'champion',
  from,
  to,
  by: 'test',
  why: 'because',
  operation: `${model}:${operation}`,
});
const kinds = async (model: string) => (await registry.events(`shop/${model}`)).map(({ kind }) => kind);

describe('registerVersion', () => {
  it.each(['k1', 'k2'])('makes one version of 50 concurrent registrations of one key (%s)', async (key) => {
    const before = (await registry.versions('shop/one')).length;
    const all = await Promise.all(Array.from({ length: 50 }, () => registry.registerVersion(newVersion('one', key))));
    expect(new Set(all.map(({ version }) => version.version))).toEqual(new Set([before + 1]));
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(await registry.versions('shop/one')).toHaveLength(before + 1);
    expect(await kinds('one')).toHaveLength(before + 1);
  });

  it('numbers 50 concurrent registrations of 50 keys without gap or double', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => registry.registerVersion(newVersion('many', `k${i}`))));
    const numbers = (await registry.versions('shop/many')).map(({ version }) => version);
    expect(numbers).toEqual(Array.from({ length: 50 }, (_, i) => 50 - i));
    expect(await kinds('many')).toHaveLength(50);
  });

  it('refuses another package or another model under a known key', async () => {
    const { version } = await registry.registerVersion(newVersion('two', 'k'));
    expect(version).toMatchObject({
      state: 'pending',
      metrics: { roc_auc: 0.75 },
      lineage: { seed: 42 },
      mlflow: null,
    });
    const other = newVersion('two', 'k', { packageSha256: sha('b') });
    await expect(registry.registerVersion(other)).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
    const stolen = newVersion('two', 'k', { model: 'shop/thief' });
    await expect(registry.registerVersion(stolen)).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
    expect(await kinds('two')).toHaveLength(1);
  });

  it.each(['propensity', 'shop/../x', "shop/x'; drop table aliases; --", 'Shop/x'])(
    'refuses the name %j',
    async (model) => {
      await expect(registry.registerVersion(newVersion('x', 'name', { model }))).rejects.toThrow(/check constraint/);
    },
  );
});

describe('moveAlias', () => {
  it('lets one of 50 concurrent moves win, and names the winner to the others', async () => {
    const versions = await Promise.all(Array.from({ length: 50 }, (_, i) => register('race', `k${i}`)));
    const moves = versions.map((to) => registry.moveAlias(move('race', null, to, `to ${to}`)));
    const answers = await Promise.all(moves);
    const champion = await registry.champion('shop/race');
    expect(answers.filter(({ moved }) => moved)).toHaveLength(1);
    const refused = answers.filter((answer) => !answer.moved);
    expect(refused).toHaveLength(49);
    for (const { holder } of refused) expect(holder).toEqual({ version: champion?.version, revision: 1 });
    expect((await kinds('race')).filter((kind) => kind === 'alias moved')).toHaveLength(1);
  });

  it('moves from the holder alone, and counts revisions', async () => {
    for (const key of ['k1', 'k2', 'k3']) await register('steps', key);
    expect(await registry.moveAlias(move('steps', 1, 2, 'early'))).toEqual({ moved: false, holder: null });
    expect(await registry.moveAlias(move('steps', null, 1, 'first'))).toMatchObject({ moved: true, revision: 1 });
    expect(await registry.moveAlias(move('steps', 1, 2, 'second'))).toMatchObject({ moved: true, revision: 2 });
    expect(await registry.moveAlias(move('steps', 1, 3, 'stale'))).toEqual({
      moved: false,
      holder: { version: 2, revision: 2 },
    });
    expect(await registry.champion('shop/steps')).toMatchObject({ version: 2, revision: 2, packageSha256: sha('a') });
  });

  it('answers a repeated deed with what it did, even after others moved on', async () => {
    for (const key of ['k1', 'k2']) await register('again', key);
    const first = move('again', null, 1, 'first');
    await registry.moveAlias(first);
    await registry.moveAlias(move('again', 1, 2, 'second'));
    expect(await registry.moveAlias(first)).toMatchObject({ moved: true, repeated: true });
    expect((await registry.champion('shop/again'))?.version).toBe(2);
    expect((await kinds('again')).filter((kind) => kind === 'alias moved')).toHaveLength(2);
    await expect(registry.moveAlias({ ...first, to: 2 })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('refuses versions that do not exist, and leaves no audit of what did not happen', async () => {
    await register('ghost', 'k1');
    await expect(registry.moveAlias(move('ghost', null, 7, 'x'))).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
    expect(await registry.champion('shop/ghost')).toBeUndefined();
    expect(await kinds('ghost')).toEqual(['version registered']);
  });
});

describe('recordMlflow', () => {
  it('notes ids once, and audits each change once', async () => {
    await register('shown', 'k1');
    const at = { model: 'shop/shown', version: 1, by: 'test' };
    const ids = { runId: 'r', modelId: 'm-1', version: '1' };
    await Promise.all(Array.from({ length: 10 }, () => registry.recordMlflow(at, ids)));
    await registry.recordMlflow(at, { ...ids, version: '2' });
    await registry.recordMlflow(at, ids);
    expect((await registry.versions('shop/shown'))[0]?.mlflow).toEqual(ids);
    expect((await kinds('shown')).filter((kind) => kind === 'mlflow recorded')).toHaveLength(3);
    await expect(registry.recordMlflow({ ...at, version: 9 }, ids)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  });
});

describe('exclusively', () => {
  it('lets one in at a time, also after one failed', async () => {
    let inside = 0;
    let most = 0;
    const visit = (i: number) =>
      registry.exclusively('room', async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside--;
        if (i === 3) throw new Error('fell over');
        return i;
      });
    const all = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => visit(i)));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(9);
    expect(most).toBe(1);
  });
});

describe('exclusively, when those who wait have taken the whole pool', () => {
  it('still lets the one inside ask for the champion', async () => {
    const small = openPool(stack.environment.postgres, { max: 2, schema: stack.environment.schema });
    const crowded = new PostgresRegistry(small);
    const ask = () => crowded.exclusively('crowd', (held) => held.champion('shop/steps'));
    expect((await Promise.all(Array.from({ length: 6 }, ask))).map((champion) => champion?.version)).toEqual(
      Array(6).fill(2),
    );
    await small.end();
  });
});

describe('the tables themselves', () => {
  it.each([
    `update registry_events set why = 'nothing happened'`,
    'delete from registry_events',
    'truncate registry_events',
    'delete from model_versions',
    `update model_versions set metrics = '{"roc_auc": 1}'`,
    `update model_versions set package_sha256 = '${sha('c')}'`,
    'truncate aliases',
    `delete from aliases where alias = 'champion'`,
  ])('refuse %s even from their owner, and the service may not try', async (sql) => {
    await expect(ownersPool.query(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^(23001|0A000)$/) });
    await expect(pool.query(sql)).rejects.toMatchObject({ code: '42501' });
  });

  it.each([
    `insert into aliases (model, alias, version) values ('shop/one', 'latest', 1)`,
    `insert into aliases (model, alias, version) values ('shop/one', 'v1', 1)`,
    `insert into aliases (model, alias, version) values ('shop/one', 'champion', 99)`,
    `update model_versions set state = 'live'`,
    `update model_versions set mlflow_version = '1'`,
  ])('refuse %s by their constraints', async (sql) => {
    await expect(pool.query(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^(23514|23503)$/) });
  });
});
