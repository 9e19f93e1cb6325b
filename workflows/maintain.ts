// The lake's upkeep: few files instead of many, no snapshot that nothing needs, no file that no snapshot knows, no token that expired.
import * as wf from '@temporalio/workflow';
import type { Cleaned, Deleted, Expired, MaintainInput, MaintainSummary } from '../core/maintenance.ts';
import { attributes } from './names.ts';
import { compute, light } from './proxies.ts';
import { type StageBoard, stageBoard } from './stage-board.ts';

/** `{}` is a valid input: see MaintainInput. */
export async function maintain(input: MaintainInput): Promise<MaintainSummary> {
  const [quick, heavy] = [light(input ?? {}), compute(input ?? {})];
  const plan = await quick.planMaintenance.executeWithOptions({ summary: 'fix the moments' }, [input ?? {}]);
  const board = stageBoard('the lake', ['merge', 'expire', 'clean up', 'scratch', 'tokens']);
  if (plan.dryRun) board.headline('**the lake**, as it would be done');

  const merge = () => heavy.mergeFiles.executeWithOptions({ summary: 'merge small files' }, [plan]);
  const merged = await board.run('merge', merge, ({ tables }) => `${tables.length} tables`);
  const expire = () => heavy.expireSnapshots.executeWithOptions({ summary: 'expire old snapshots' }, [plan]);
  const expired = await board.run('expire', expire, expiredNote);
  const clean = () => heavy.cleanUpFiles.executeWithOptions({ summary: 'delete what nothing knows' }, [plan]);
  const cleaned = await board.run('clean up', clean, cleanedNote);
  const scratch = await clearScratch(board, () =>
    quick.clearScratch.executeWithOptions({ summary: 'clear scratch' }, [plan]),
  );

  const purge = () => quick.purgeTokens.executeWithOptions({ summary: 'delete expired tokens' }, [plan]);
  // Histories from before there was this step go on without it.
  const tokens = wf.patched('purge tokens') ? await board.run('tokens', purge, (count) => `${count} expired`) : 0;

  const result = { dryRun: plan.dryRun, merged, expired, cleaned, scratch, tokens };
  await quick.recordUpkeep.executeWithOptions({ summary: 'account for it' }, [{ kind: 'maintain', result }]);
  wf.upsertSearchAttributes([{ key: attributes.outcome, value: 'completed' }]);
  return result;
}

export const clearScratch = (board: StageBoard, work: () => Promise<Deleted>): Promise<Deleted> =>
  board.run('scratch', work, note);

export const expiredNote = ({ expired, left, floor, heldBy }: Expired): string =>
  `${expired} snapshots, ${left} left, all since ${floor.slice(0, 10)}${heldBy === null ? '' : `, held by ${heldBy}`}`;

const cleanedNote = ({ old, orphans, reads = 0 }: Cleaned): string =>
  `${note(old)} old, ${note(orphans)} orphaned${reads === 0 ? '' : `, ${reads} batches of reads expired`}`;

export const note = ({ files, bytes }: Deleted): string => `${files} files (${(bytes / 1e6).toFixed(1)} MB)`;
