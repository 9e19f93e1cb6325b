// Sessions are opened ahead, and nobody notices but the clock: each activity has one of its own, which reads what was committed meanwhile.
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

it('is nobody else’s while two work at once, and is closed when its activity ends', async () => {
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

it('is opened when it is asked for, where it could not be opened ahead', async () => {
  const wrong = { ...deps, settings: { ...deps.settings, postgres: { ...deps.settings.postgres, port: 1 } } };
  const attempt = () => withLake(wrong, new AbortController().signal, async () => undefined);
  await expect(attempt()).rejects.toThrow();
  wrong.settings.postgres.port = deps.settings.postgres.port;
  await attempt();
  wrong.settings.postgres.port = 1;
  // The one that waits was opened before, or could not be; the next finds out for itself.
  await attempt().catch(() => undefined);
  wrong.settings.postgres.port = deps.settings.postgres.port;
  await attempt();
  await attempt();
});
