// A process that does one deed of upkeep, for the tests that kill it in the midst of it.
import { LakeUpkeep } from '../../adapters/ducklake/maintenance.ts';
import { retain } from '../../core/retention.ts';
import { loadEnvironment } from '../../environments/environment.ts';
import { openTestLake } from '../support/lake.ts';

export const deeds = ['merge', 'expire', 'delete'] as const;
export type Deed = (typeof deeds)[number];

/** Merges, expires or deletes all that may be; snapshots in `needed` stay. */
export const upkeepDeed = async (upkeep: LakeUpkeep, deed: Deed, needed: readonly number[]): Promise<void> => {
  const now = new Date().toISOString();
  if (deed === 'merge') for (const one of await upkeep.fragmented(2)) await upkeep.merge(one);
  if (deed === 'delete') await upkeep.deleteOld(now, false);
  if (deed !== 'expire') return;
  const protect = {
    floor: Date.now(),
    openSince: Date.now(),
    needed: needed.map((snapshot) => ({ snapshot, why: 'asked for' })),
  };
  await upkeep.expire((snapshots, log) => retain(snapshots, log, protect), false);
};

const [, script, deed, needed = ''] = process.argv;
if (script === import.meta.filename) {
  const environment = loadEnvironment('dev');
  const { lake, pool, close } = await openTestLake(environment, 1);
  const upkeep = new LakeUpkeep({ lake, pool, metadataSchema: environment.lake.metadataSchema });
  await upkeepDeed(upkeep, deed as Deed, needed.split(',').filter(Boolean).map(Number));
  await close();
}
