// Sweeps an environment whose data is temporary (staging): what is old and needed by no champion, tag or open run goes, and is reported.
import * as wf from '@temporalio/workflow';
import type { SweepInput, SweepSummary } from '../core/maintenance.ts';
import { clearScratch, expiredNote, note } from './maintain.ts';
import { attributes } from './names.ts';
import { compute, light } from './proxies.ts';
import { stageBoard } from './stage-board.ts';

/** `{}` is a valid input: see SweepInput. Refused in prod. */
export async function sweep(input: SweepInput): Promise<SweepSummary> {
  const [quick, heavy] = [light(input ?? {}), compute(input ?? {})];
  const plan = await quick.planSweep.executeWithOptions({ summary: 'fix the moments' }, [input ?? {}]);
  const board = stageBoard('sweep', ['tables', 'expire', 'clean up', 'scratch']);
  if (plan.dryRun) board.headline('**sweep**, as it would be done');

  const empty = () => heavy.sweepTables.executeWithOptions({ summary: 'empty what nobody needs' }, [plan]);
  const swept = await board.run('tables', empty, ({ tables }) => {
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    return `${tables.length} tables with ${rows} rows last written before ${plan.expireBefore.slice(0, 10)}`;
  });
  if (swept.tables.length > 0 && !plan.dryRun && plan.settleSeconds > 0)
    await wf.sleep(`${plan.settleSeconds}s`, { summary: 'until every open run is known' });
  const expire = () => heavy.expireSnapshots.executeWithOptions({ summary: 'expire old snapshots' }, [plan]);
  const expired = await board.run('expire', expire, expiredNote);
  const clean = () => heavy.cleanUpFiles.executeWithOptions({ summary: 'delete what nothing knows' }, [plan]);
  const cleaned = await board.run('clean up', clean, (all) => `${note(all.old)} old, ${note(all.orphans)} orphaned`);
  const scratch = await clearScratch(board, () =>
    quick.clearScratch.executeWithOptions({ summary: 'clear scratch' }, [plan]),
  );

  const result = { dryRun: plan.dryRun, swept, expired, cleaned, scratch };
  await quick.recordUpkeep.executeWithOptions({ summary: 'account for it' }, [{ kind: 'sweep', result }]);
  wf.upsertSearchAttributes([{ key: attributes.outcome, value: 'completed' }]);
  return result;
}
