// One of the processes of the commit stress test: commits to shared and own tables, tells its parent what was acknowledged, may be killed.
import { contentKey } from '../../../core/commit.ts';
import { loadEnvironment } from '../../../environments/environment.ts';
import { openTestLake } from '../../support/lake.ts';

const [who = '0', commits = '1'] = process.argv.slice(2);
const environment = loadEnvironment('dev');
const { lake, close } = await openTestLake(environment, 1);
const rows = (commit: number) =>
  `select ${who}::integer as who, ${commit}::integer as commit, range as i from range(100)`;

for (let commit = 0; commit < Number(commits); commit += 1) {
  // Appends to a table that all share; every third commit also rewrites a table of its own in the same transaction.
  const key = contentKey({ who, commit });
  const shared = await lake.stage('bronze.log', rows(commit));
  const own = commit % 3 === 0 ? [await lake.stage(`silver.own_${who}`, rows(commit))] : [];
  const made = await lake.commit({
    key,
    once: 'ever',
    message: `${who}/${commit}`,
    writes: [
      { table: 'bronze.log', files: [shared.file], replace: 'nothing', expectParent: undefined },
      ...own.map(({ file }) => ({
        table: `silver.own_${who}` as const,
        files: [file],
        replace: 'all' as const,
        expectParent: undefined,
      })),
    ],
    extra: {},
  });
  process.send?.({ who, commit, key, snapshot: made.snapshot });
}
await close();
process.disconnect?.();
