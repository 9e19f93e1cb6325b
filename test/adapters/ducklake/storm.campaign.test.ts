// The commit storm at length: guards every upgrade of the DuckLake extension. By hand, `npm run campaign`.
import { afterAll, beforeAll, expect, it } from 'vitest';
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

it('6 processes × 60 commits with 60 kills: nothing lost, nothing doubled', async () => {
  const plan = { processes: 6, commits: 60, kills: 60, seed: 11 };
  const { acknowledged, landed } = await storm(stack.environment, plan);
  expect(landed).toBeGreaterThanOrEqual(48);
  expect(new Set(acknowledged.map(({ key }) => key)).size).toBe(plan.processes * plan.commits);
  const groups = await open.lake.db.rows(
    'select who, commit, count(*)::integer as n from lake.bronze.log group by all',
  );
  expect(groups.length).toBe(plan.processes * plan.commits);
  expect(groups.filter(({ n }) => n !== 100)).toEqual([]);
});
