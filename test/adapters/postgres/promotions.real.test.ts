// Promotions on a real Postgres: one winner of fifty, one word a person, one delivery a reminder, nothing undone; and an answer that was
// lost after the commit is read back, not repeated.
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openPool } from '../../../adapters/postgres/pool.ts';
import { moveWithin, type NewPromotion, PostgresPromotions } from '../../../adapters/postgres/promotions.ts';
import { PostgresRegistry } from '../../../adapters/postgres/registry.ts';
import { moveStateWithin } from '../../../adapters/postgres/registry-statements.ts';
import type { PromotionState } from '../../../core/promotion/states.ts';
import { type Environment, siblingOf } from '../../../environments/environment.ts';
import { type CuttingProxy, startCuttingProxy } from '../../support/cutting-proxy.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';

let stack: TestStack;
let prod: Environment;
let pool: Pool;
let promotions: PostgresPromotions;
let registry: PostgresRegistry;
let proxy: CuttingProxy;

beforeAll(async () => {
  stack = await startTestStack(['postgres'], {}, { environments: ['dev', 'staging', 'prod'] });
  prod = siblingOf(stack.environment, 'prod');
  pool = openPool(prod.postgres, { max: 20, schema: prod.schema });
  promotions = new PostgresPromotions(pool);
  registry = new PostgresRegistry(pool);
  proxy = await startCuttingProxy(prod.postgres.port);
});
afterAll(async () => {
  await proxy?.close();
  await pool?.end();
  await stack?.stop();
});

const evidence = 'e'.repeat(64);
const asked = (attempt: string, version = 1): NewPromotion => ({
  attempt: `attempt-${attempt}`,
  id: `promote/shop/${attempt}/prod/${version}`,
  model: `shop/${attempt}`,
  from: { environment: 'staging', version },
  package: 'a'.repeat(64),
  by: 'bob',
});
const go = (attempt: string, to: PromotionState, on = promotions) =>
  on.move({ attempt: `attempt-${attempt}`, step: to, to, by: 'bob', why: 'because', evidence });
const walk = async (attempt: string, ...states: PromotionState[]) => {
  for (const state of states) await go(attempt, state);
};
const READY = ['gated', 'waiting', 'approved', 'copied', 'registered'] as const;
const versionOf = async (model: string, key: string, on = registry) =>
  (
    await on.registerVersion({
      model,
      key: `${model}-${key}`.padEnd(16, '-'),
      packageSha256: 'a'.repeat(64),
      metrics: {},
      lineage: {},
      by: 'bob',
      why: 'promoted',
      runId: 'run-1',
    })
  ).version.version;

/** What `moveChampion` does in one transaction. */
const crown = (model: string, attempt: string, from: number | null, to: number, on = registry) =>
  on.moveAlias(
    { model, alias: 'champion', from, to, by: 'bob', why: 'promoted', operation: `promote:attempt-${attempt}` },
    async (client) => {
      if (from !== null)
        await moveStateWithin(client, { model, version: from, to: 'archived', by: 'bob', why: 'replaced' });
      await moveStateWithin(client, { model, version: to, to: 'production', by: 'bob', why: 'promoted' });
      await moveWithin(client, {
        attempt: `attempt-${attempt}`,
        step: 'champion',
        to: 'promoted',
        by: 'bob',
        why: 'promoted',
        version: to,
      });
    },
  );

describe('an attempt', () => {
  it('is opened once, and its history tells every state', async () => {
    await Promise.all(Array.from({ length: 20 }, () => promotions.open(asked('one'))));
    await walk('one', 'gated', 'waiting');
    await go('one', 'waiting');
    expect(await promotions.find('attempt-one')).toMatchObject({ state: 'waiting', evidence, requestedBy: 'bob' });
    const told = (await promotions.events('attempt-one')).map(({ before, after }) => `${before} → ${after}`);
    expect(told).toEqual(['null → requested', 'requested → gated', 'gated → waiting']);
  });

  it('goes no way that is not there', async () => {
    await promotions.open(asked('two'));
    await expect(go('two', 'copied')).rejects.toMatchObject({ code: 'CONTRACT_BROKEN' });
    await expect(go('nobody', 'gated')).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
    expect(await promotions.events('attempt-two')).toHaveLength(1);
  });
});

describe('a decision', () => {
  const word = (by: string, verdict: 'approved' | 'rejected' = 'approved', on = evidence) =>
    promotions.decide('attempt-decided', { by, verdict, why: 'seen', at: '2026-01-01T00:00:00.000Z', evidence: on });

  it('is the first word of each person on each piece of evidence', async () => {
    await promotions.open(asked('decided'));
    const all = await Promise.all(Array.from({ length: 20 }, () => word('alice')));
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(await word('alice', 'rejected')).toMatchObject({ created: false, decision: { verdict: 'approved' } });
    await word('eve');
    await word('alice', 'rejected', 'f'.repeat(64));
    expect((await promotions.decisions('attempt-decided')).map(({ by, verdict }) => `${by} ${verdict}`).sort()).toEqual(
      ['alice approved', 'alice rejected', 'eve approved'],
    );
  });

  it('is not taken by whoever asked', async () => {
    await expect(word(' BOB ')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });
});

it('a reminder is delivered once, and heard by whoever listens', async () => {
  await promotions.open(asked('reminded'));
  const heard: string[] = [];
  const ear = await pool.connect();
  ear.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await ear.query('listen perennial_promotion');
  const remind = () =>
    promotions.remind({ attempt: 'attempt-reminded', evidence, number: 7, escalated: true, missed: 6, text: 'look' });
  const all = await Promise.all(Array.from({ length: 20 }, remind));
  await ear.query('select 1');
  ear.release(true);
  expect(all.filter(Boolean)).toHaveLength(1);
  expect(heard).toEqual(['prod/attempt-reminded/promotion_reminders']);
  expect(await promotions.reminders('attempt-reminded')).toMatchObject([{ number: 7, missed: 6, escalated: true }]);
});

describe('fifty promotions at once', () => {
  it('end in one success and forty-nine refusals', async () => {
    const model = 'shop/race';
    const first = await versionOf(model, 'first');
    await registry.moveState({ model, version: first, to: 'approved', by: 'bob', why: 'seen' });
    await promotions.open({ ...asked('race-first'), model });
    await walk('race-first', ...READY);
    await crown(model, 'race-first', null, first);
    const rivals = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const version = await versionOf(model, `rival-${i}`);
        await registry.moveState({ model, version, to: 'approved', by: 'alice', why: 'seen' });
        await promotions.open({ ...asked(`race-${i}`), model });
        await walk(`race-${i}`, ...READY);
        return { attempt: `race-${i}`, version };
      }),
    );
    const answers = await Promise.all(rivals.map(({ attempt, version }) => crown(model, attempt, first, version)));
    const winner = rivals[answers.findIndex(({ moved }) => moved)];
    expect(answers.filter(({ moved }) => moved)).toHaveLength(1);
    const holders = answers.flatMap((answer) => (answer.moved ? [] : [answer.holder?.version]));
    expect(holders).toEqual(Array(49).fill(winner?.version));
    const states = (await registry.versions(model)).map(({ state }) => state);
    expect(states.filter((state) => state === 'production')).toHaveLength(1);
    expect(states.filter((state) => state === 'archived')).toHaveLength(1);
    const ended = (await promotions.list({ model, limit: 100 })).filter(({ state }) => state === 'promoted');
    expect(ended.map(({ version }) => version).sort()).toEqual([first, winner?.version].sort());
  });
});

describe('an answer lost after the commit', () => {
  let through: Pool;
  let own: { promotions: PostgresPromotions; registry: PostgresRegistry };
  beforeAll(() => {
    through = openPool({ ...prod.postgres, port: proxy.port }, { max: 2, schema: prod.schema });
    own = { promotions: new PostgresPromotions(through), registry: new PostgresRegistry(through) };
  });
  afterAll(async () => through?.end());
  afterEach(() => proxy.loseNext(0));

  /** The first time the answer is lost, the second time it comes. */
  const twice = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = proxy.lost();
    proxy.loseNext(1);
    await expect(work()).rejects.toThrow(/terminated|ECONNRESET|ended/i);
    expect(proxy.lost()).toBe(before + 1);
    return work();
  };

  it('is read back at every step, and nothing is done twice', async () => {
    const model = 'shop/lost';
    await twice(() => own.promotions.open(asked('lost')));
    for (const state of READY) await twice(() => go('lost', state, own.promotions));
    const said = { by: 'alice', verdict: 'approved' as const, why: '', at: '2026-01-01T00:00:00.000Z', evidence };
    expect(await twice(() => own.promotions.decide('attempt-lost', said))).toMatchObject({ created: false });
    const reminder = { attempt: 'attempt-lost', evidence, number: 1, escalated: false, missed: 0, text: 'look' };
    expect(await twice(() => own.promotions.remind(reminder))).toBe(false);
    const version = await twice(() => versionOf(model, 'k', own.registry));
    await twice(() => own.registry.moveState({ model, version, to: 'approved', by: 'alice', why: 'seen' }));
    expect(await twice(() => crown(model, 'lost', null, version, own.registry))).toMatchObject({
      moved: true,
      repeated: true,
    });
    const told = (await promotions.events('attempt-lost')).map(({ after }) => after);
    expect(told).toEqual(['requested', ...READY, 'promoted']);
    expect((await registry.events(model)).map(({ kind, after }) => `${kind} ${after}`)).toEqual([
      'version registered pending',
      'state moved approved',
      'alias moved 1',
      'state moved production',
    ]);
  });
});

describe('the tables themselves', () => {
  it.each([
    'delete from promotions',
    `update promotions set requested_by = 'eve'`,
    `update promotion_events set why = 'nothing'`,
    'delete from promotion_events',
    `update promotion_decisions set verdict = 'rejected'`,
    'delete from promotion_decisions',
    'delete from promotion_reminders',
    'truncate promotion_events',
  ])('refuse %s, whoever asks', async (sql) => {
    await expect(pool.query(sql)).rejects.toMatchObject({ code: '42501' });
    const owner = openPool(prod.owner, { max: 1, schema: prod.schema });
    await expect(owner.query(sql)).rejects.toMatchObject({ code: expect.stringMatching(/^(23001|0A000)$/) });
    await owner.end();
  });
});
