// The commit protocol on a real catalog: found by key, refused when the parent moved, unharmed by a storm of commits and kills.
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentKey, type Write } from '../../../core/commit.ts';
import type { TableName } from '../../../core/table.ts';
import { openTestLake, type TestLake } from '../../support/lake.ts';
import { startTestStack, type TestStack } from '../../support/stack.ts';
import { storm } from './storm.ts';

let stack: TestStack;
let open: TestLake;

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  open = await openTestLake(stack.environment);
});
afterAll(async () => {
  await open?.close();
  await stack?.stop();
});

const write = async (table: TableName, sql: string, more: Partial<Write> = {}): Promise<Write> => {
  const { file } = await open.lake.stage(table, sql);
  return { table, files: [file], replace: 'all', expectParent: undefined, ...more };
};
const commit = async (key: string, writes: readonly Write[], once: 'head' | 'ever' = 'head') =>
  open.lake.commit({ key: contentKey({ key }), once, message: key, writes, extra: {} });
const rowsOf = (table: string, at = '') => open.lake.db.number(`select count(*) from lake.${table} ${at}`);

describe('one commit', () => {
  it('is found by its key and not made twice', async () => {
    const first = await commit('a', [await write('silver.a', 'select 1 as x')]);
    const again = await commit('a', [await write('silver.a', 'select 2 as x')]);
    expect([first.reused, again.reused, again.snapshot]).toEqual([false, true, first.snapshot]);
    expect(await open.lake.db.rows('from lake.silver.a')).toEqual([{ x: 1 }]);
  });

  it('refuses when its parent moved, and writes nothing', async () => {
    const parent = contentKey({ key: 'b1' });
    await commit('b1', [await write('silver.b', 'select 1 as x', { expectParent: null })]);
    await commit('b2', [await write('silver.b', 'select 2 as x', { expectParent: parent })]);
    const late = commit('b3', [await write('silver.b', 'select 3 as x', { expectParent: parent })]);
    await expect(late).rejects.toMatchObject({ code: 'PARENT_MOVED' });
    expect(await open.lake.db.rows('from lake.silver.b')).toEqual([{ x: 2 }]);
  });

  it('writes all its tables or none', async () => {
    await commit('c1', [await write('silver.c', 'select 1::integer as x')]);
    const broken = commit('c2', [
      await write('silver.c', 'select 2::integer as x'),
      { ...(await write('silver.d', 'select 3 as x')), files: ['/nowhere.parquet'] },
    ]);
    await expect(broken).rejects.toThrow();
    expect(await open.lake.db.rows('from lake.silver.c')).toEqual([{ x: 1 }]);
  });

  it('replaces only what a predicate names, and leaves earlier snapshots as they were', async () => {
    const before = await commit('e1', [await write('silver.e', 'select range as x, 1::integer as v from range(10)')]);
    await commit('e2', [
      await write('silver.e', 'select range as x, 2::integer as v from range(3)', { replace: { where: 'x < 3' } }),
    ]);
    expect(
      await open.lake.db.rows('select v, count(*)::integer as n from lake.silver.e group by v order by v'),
    ).toEqual([
      { v: 1, n: 7 },
      { v: 2, n: 3 },
    ]);
    expect(await rowsOf('silver.e', `at (version => ${before.snapshot}) where v = 1`)).toBe(10);
  });

  it('pins tables at one snapshot while nothing moves them, and each at its own once something did', async () => {
    const seen = () => open.lake.db.rows('select p.x as p, q.x as q from silver.p p, silver.q q');
    const p = { table: 'silver.p' as const, ...(await commit('p1', [await write('silver.p', 'select 1 as x')])) };
    const q = { table: 'silver.q' as const, ...(await commit('q1', [await write('silver.q', 'select 1 as x')])) };
    expect(await open.lake.commits.together([p, q])).toBe(q.snapshot);
    await open.lake.pin([p, q]);
    expect(await seen()).toEqual([{ p: 1, q: 1 }]);

    await commit('p2', [await write('silver.p', 'select 2 as x')]);
    const later = { table: 'silver.q' as const, ...(await commit('q2', [await write('silver.q', 'select 2 as x')])) };
    expect(await open.lake.commits.together([p, later])).toBeUndefined();
    await open.lake.pin([p, later]);
    expect(await seen()).toEqual([{ p: 1, q: 2 }]);

    await open.lake.db.run('insert into lake.silver.p values (3)');
    const last = { table: 'silver.q' as const, ...(await commit('q3', [await write('silver.q', 'select 3 as x')])) };
    expect(await open.lake.commits.together([later, last])).toBeUndefined();
    expect(await open.lake.commits.together([])).toBeUndefined();
  });

  it('takes on a column that added rows have more; as it stood before, it has none', async () => {
    const before = await commit('w1', [await write('silver.w', 'select 1 as x', { replace: 'nothing' })]);
    await commit('w2', [await write('silver.w', "select 2 as x, 'new' as y", { replace: 'nothing' })]);
    expect(await open.lake.db.rows('select x, y from lake.silver.w order by x')).toEqual([
      { x: 1, y: null },
      { x: 2, y: 'new' },
    ]);
    expect(await open.lake.db.rows(`from lake.silver.w at (version => ${before.snapshot})`)).toEqual([{ x: 1 }]);
    await expect(commit('w3', [await write('silver.w', 'select 3 as x', { replace: 'nothing' })])).rejects.toThrow(/y/);
  });

  it('is found even where it changed nothing', async () => {
    await commit('h1', [await write('silver.h', 'select 1 as x where false')]);
    const nothing = () => write('silver.h', 'select 1 as x where false', { replace: { where: 'x = 5' } });
    const first = await commit('h2', [await nothing()]);
    const again = await commit('h2', [await nothing()]);
    expect([first.reused, again.reused, again.snapshot]).toEqual([false, true, first.snapshot]);
  });

  it('keeps no row in the catalog itself, where other engines would not see it', async () => {
    await commit('f', [await write('silver.f', 'select 1 as x')]);
    const [files] = await open.lake.db.rows(
      `select count(*)::integer as n from ducklake_list_files('lake', 'f', schema => 'silver')`,
    );
    expect(files).toEqual({ n: 1 });
  });

  it('digests equal rows equally, whatever their order, and other rows otherwise', async () => {
    const one = await commit('g1', [await write('silver.g', 'select range as x from range(1000) order by x')]);
    const two = await commit('g2', [await write('silver.g', 'select range as x from range(1000) order by x desc')]);
    const other = await commit('g3', [
      await write('silver.g', 'select range + (range = 7)::int as x from range(1000)'),
    ]);
    const digest = (snapshot: number) => open.lake.digest('silver.g', snapshot);
    expect(await digest(one.snapshot)).toBe(await digest(two.snapshot));
    expect(await digest(one.snapshot)).not.toBe(await digest(other.snapshot));
  });
});

describe('a storm of commits and kills', () => {
  it('loses nothing that was acknowledged and doubles nothing', async () => {
    const plan = { processes: 4, commits: 12, kills: 8, seed: 7 };
    const { acknowledged, landed } = await storm(stack.environment, plan);
    expect(landed).toBeGreaterThanOrEqual(6);
    const expected = plan.processes * plan.commits;
    expect(new Set(acknowledged.map(({ key }) => key)).size).toBe(expected);
    // One row group per (who, commit), each exactly once.
    const groups = await open.lake.db.rows(
      'select who, commit, count(*)::integer as n from lake.bronze.log group by all',
    );
    expect(groups.length).toBe(expected);
    expect(groups.filter(({ n }) => n !== 100)).toEqual([]);
    const keys = await open.lake.commits.list(10_000);
    expect(new Set(keys.map(({ key }) => key)).size).toBe(keys.length);
    for (let who = 0; who < plan.processes; who += 1) {
      const files = await open.lake.db.rows(
        `select data_file from ducklake_list_files('lake', 'own_${who}', schema => 'silver')`,
      );
      expect(files.every(({ data_file: file }) => existsSync(String(file)))).toBe(true);
      expect(await rowsOf(`silver.own_${who}`)).toBe(100);
    }
  });
});
