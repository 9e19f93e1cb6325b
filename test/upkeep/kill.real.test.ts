// Upkeep that is killed in the midst of each deed, and upkeep beside a storm of commits: the lake stays whole, and no commit is forgotten.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LakeUpkeep } from '../../adapters/ducklake/maintenance.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { contentKey } from '../../core/commit.ts';
import type { TableName } from '../../core/table.ts';
import { settingsOf } from '../../environments/environment.ts';
import { storm } from '../adapters/ducklake/storm.ts';
import { openTestLake, type TestLake } from '../support/lake.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { type Deed, upkeepDeed } from './maintainer.ts';

let stack: TestStack;
/** Snapshots that stay readable, with what they read. */
const noted = new Map<string, string>();
const keys: string[] = [];
const pinned: number[] = [];

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
});
afterAll(async () => stack?.stop());

/** As activities do it: a session of its own for each. */
const withLake = async <T>(work: (open: TestLake) => Promise<T>): Promise<T> => {
  const open = await openTestLake(stack.environment, 1);
  return work(open).finally(() => open.close());
};

const commit = (table: TableName, n: number, replace: 'nothing' | 'all') =>
  withLake(async ({ lake }) => {
    const { file } = await lake.stage(table, `select ${n}::integer as n, range as i from range(50)`);
    const key = contentKey({ table, n });
    keys.push(key);
    const writes = [{ table, files: [file], replace, expectParent: undefined }];
    return (await lake.commit({ key, once: 'ever', message: `${n}`, writes, extra: {} })).snapshot;
  });

/** Six appended files and three whole rewrites, the middle of each needed by somebody. */
const grow = async (): Promise<void> => {
  for (let n = 0; n < 6; n += 1)
    await note('bronze.steps', await commit('bronze.steps', n, 'nothing'), n === 2 || n === 5);
  for (let n = 0; n < 3; n += 1) await note('silver.whole', await commit('silver.whole', n, 'all'), n === 1 || n === 2);
};

const note = async (table: TableName, snapshot: number, needed: boolean): Promise<void> => {
  if (!needed) return;
  pinned.push(snapshot);
  noted.set(`${table} ${snapshot}`, await withLake(({ lake }) => lake.digest(table, snapshot)));
};

const expectWhole = async (): Promise<void> => {
  await withLake(async ({ lake }) => {
    for (const [name, digest] of noted) {
      const [table, snapshot] = name.split(' ');
      expect(await lake.digest(table as TableName, Number(snapshot)), name).toBe(digest);
    }
    for (const key of keys) expect((await lake.find(key))?.key).toBe(key);
  });
};

const fileOf = {
  merge: 'ducklake_data_file',
  expire: 'ducklake_snapshot_changes',
  delete: 'ducklake_files_scheduled_for_deletion',
};

/** Starts the deed while somebody holds the table that it must write at its end, and kills it there: its work is done, and not yet true. */
const killInTheMidst = async (deed: Deed): Promise<void> => {
  const pool = openPool(stack.environment.postgres, { max: 2 });
  const held = await pool.connect();
  const relation = `lake_dev.${fileOf[deed]}`;
  await held.query(`begin; lock table ${relation} in exclusive mode`);
  const child = fork(path.join(import.meta.dirname, 'maintainer.ts'), [deed, pinned.join()], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, ...settingsOf(stack.environment) },
    stdio: 'inherit',
  });
  const ended = once(child, 'exit');
  const waiting = () =>
    pool.query(`select pid from pg_locks where relation = $1::regclass and not granted`, [relation]);
  let blocked: number | undefined;
  while (blocked === undefined && child.exitCode === null) {
    blocked = (await waiting()).rows[0]?.pid;
    if (blocked === undefined) await pause(20);
  }
  expect(blocked, `${deed} never came to ${relation}`).toBeDefined();
  child.kill('SIGKILL');
  expect((await ended)[1]).toBe('SIGKILL');
  await held.query('rollback');
  held.release();
  const alive = () => pool.query('select from pg_stat_activity where pid = $1', [blocked]);
  while ((await alive()).rowCount) await pause(20);
  await pool.end();
};

const doDeed = (deed: Deed) =>
  withLake(({ lake, pool }) => {
    const upkeep = new LakeUpkeep({ lake, pool, metadataSchema: stack.environment.lake.metadataSchema });
    return upkeepDeed(upkeep, deed, pinned);
  });

describe('upkeep that is killed', () => {
  it.each(['merge', 'expire', 'delete'] as const)(
    'in the midst of %s leaves the lake whole, and is done again',
    async (deed) => {
      if (keys.length === 0) await grow();
      await killInTheMidst(deed);
      await expectWhole();
      await doDeed(deed);
      await expectWhole();
    },
  );

  it('has done in the end what it was to do', async () => {
    const { rows } = await withLake(({ pool }) =>
      pool.query(
        `select (select count(*)::int from lake_dev.ducklake_files_scheduled_for_deletion) as scheduled,
           (select count(*)::int from lake_dev.ducklake_data_file) as files`,
      ),
    );
    // One merged file of the steps; of the rewrites the needed one and the head.
    expect(rows).toEqual([{ scheduled: 0, files: 3 }]);
  });
});

describe('upkeep beside a storm of commits', () => {
  it('loses no row, doubles none, and forgets no key', async () => {
    const plan = { processes: 2, commits: 7, kills: 0, seed: 3 };
    let over = false;
    const raging = storm(stack.environment, plan).finally(() => {
      over = true;
    });
    for (let round = 0; !over || round < 2; round += 1) {
      for (const deed of ['merge', 'expire', 'delete'] as const) await doDeed(deed);
    }
    const { acknowledged } = await raging;
    await withLake(async ({ lake }) => {
      const groups = await lake.db.rows('select who, commit, count(*)::integer as n from lake.bronze.log group by all');
      expect(groups.length).toBe(plan.processes * plan.commits);
      expect(groups.filter(({ n }) => n !== 100)).toEqual([]);
      for (const { key } of acknowledged) expect((await lake.find(key))?.key).toBe(key);
      for (let who = 0; who < plan.processes; who += 1) {
        expect(await lake.db.number(`select count(*) from lake.silver.own_${who}`)).toBe(100);
      }
    });
    await expectWhole();
  });
});
