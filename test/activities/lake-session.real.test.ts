// Sessions go from one activity to the next, and nobody notices but the clock: each finds an empty one, and what was committed meanwhile.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Deps } from '../../activities/deps.ts';
import { type OpenLake, withLake } from '../../activities/lake-session.ts';
import { contentKey } from '../../core/commit.ts';
import { buildDeps } from '../../workers/deps.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
let deps: Deps;

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  deps = await buildDeps(stack.environment);
});
afterAll(async () => {
  await deps?.pool.end();
  await stack?.stop();
});

const within = <T>(work: (lake: OpenLake) => Promise<T>): Promise<T> =>
  withLake(deps, new AbortController().signal, work);

const commit = (x: number) =>
  within(async (lake) => {
    const { file } = await lake.stage('silver.ahead', `select ${x} as x`);
    const writes = [{ table: 'silver.ahead', files: [file], replace: 'all', expectParent: undefined }] as const;
    await lake.commit({ key: contentKey({ x }), once: 'head', message: String(x), writes, extra: {} });
    return lake;
  });

it('is another for each activity, and reads what came after it was opened', async () => {
  const first = await commit(1);
  const second = await commit(2);
  const third = await within(async (lake) => {
    expect(await lake.db.rows('from lake.silver.ahead')).toEqual([{ x: 2 }]);
    return lake;
  });
  expect(new Set([first.db, second.db, third.db]).size).toBe(3);
});

it('is nobody else’s while two work at once, and ends with its activity', async () => {
  const used: OpenLake[] = [];
  const mark = (name: string) =>
    within(async (lake) => {
      used.push(lake);
      await lake.db.run(`create table memory.main.mine as select '${name}' as name`);
      return lake.db.rows('from memory.main.mine');
    });
  expect(await Promise.all([mark('a'), mark('b'), mark('c')])).toEqual([
    [{ name: 'a' }],
    [{ name: 'b' }],
    [{ name: 'c' }],
  ]);
  for (const lake of used) await expect(lake.db.rows('select 1')).rejects.toThrow();
});

/** An attached catalog tells the engine again. */
const mark = (lake: OpenLake) => lake.db.run(`attach if not exists ':memory:' as marked`);
const isMarked = (lake: OpenLake) =>
  lake.db.number(`select count(*) from duckdb_databases() where database_name = 'marked'`);

it('hands the engine on, and nothing that was made in it', async () => {
  await within(async (lake) => {
    await mark(lake);
    await lake.db.run('create schema silver; create view silver.ahead as select 7 as x');
    await lake.db.run('create table memory.main.left_over as select 1 as x');
    await lake.db.run('create table memory.silver.left_over as select 1 as x');
    await lake.db.run('create temp view this as select 1 as x');
    await lake.db.run('set variable as_of = 3');
    await lake.db.run('use lake');
    await lake.db.run('begin');
  });
  await within(async (lake) => {
    expect(await isMarked(lake)).toBe(1);
    expect(await lake.db.rows(`select table_name from duckdb_tables() where database_name <> 'lake'`)).toEqual([]);
    expect(await lake.db.rows('select view_name from duckdb_views() where not internal')).toEqual([]);
    expect(await lake.db.rows(`select getvariable('as_of') as v, current_catalog() as c`)).toEqual([
      { v: null, c: 'memory' },
    ]);
    expect(await lake.db.rows('from lake.silver.ahead')).toEqual([{ x: 2 }]);
    await lake.db.run('begin; rollback');
  });
});

it('is closed where work failed or was broken off', async () => {
  await within(mark);
  await expect(within(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await within(isMarked)).toBe(0);
  await within(mark);
  const stop = new AbortController();
  await withLake(deps, stop.signal, async () => stop.abort());
  expect(await within(isMarked)).toBe(0);
});

it('is opened anew after its connection to Postgres was lost', async () => {
  await within(mark);
  await deps.pool.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()',
  );
  const read = () => within((lake) => lake.db.rows('from lake.silver.ahead'));
  await read().catch(() => undefined);
  expect(await read()).toEqual([{ x: 2 }]);
});
