// A shop in staging that is swept twice: once while nobody needs it, once with a champion. For maintain.real.test.ts, on whose stack it plays.
import path from 'node:path';
import type { Pin } from '../../core/commit.ts';
import type { SweepSummary } from '../../core/maintenance.ts';
import type { RefreshSummary } from '../../core/refresh.ts';
import type { Environment } from '../../environments/environment.ts';
import { openLakeShop, type Shop } from '../versions/lake-shop.ts';
import { registerVersion } from './versions.ts';
import { startWorkers } from './workers.ts';

export interface SweepStory {
  readonly before: Readonly<Record<string, string>>;
  readonly rehearsed: SweepSummary;
  readonly first: SweepSummary;
  readonly refreshed: RefreshSummary;
  readonly rowsAgain: number;
  readonly rebuilt: readonly string[];
  readonly after: Readonly<Record<string, string>>;
  readonly second: SweepSummary;
  readonly rebuiltAgain: readonly string[];
  readonly atTheEnd: Readonly<Record<string, string>>;
  readonly rows: number;
  readonly shop: Shop;
}

export const playSweep = async (staging: Environment, folder: string): Promise<SweepStory> => {
  const shop = openLakeShop(staging);
  const files = path.join(folder, 'events-2019-07-0*.csv');
  const rowsOf = async () =>
    (await shop.ingest(files)).reduce((sum, { loaded, reused }) => sum + (reused ? 0 : loaded), 0);
  const workers = await startWorkers(staging);
  const sweep = (more: object = {}) =>
    workers.run<SweepSummary>('sweep', { afterDays: 0, deleteAfterHours: 0, settleSeconds: 0, ...more });
  try {
    const rows = await rowsOf();
    await shop.build();
    const before = await shop.digests();
    const rehearsed = await sweep({ dryRun: true });
    const untouched = await shop.digests();
    if (JSON.stringify(untouched) !== JSON.stringify(before)) throw new Error('a dry run changed the lake');
    const first = await sweep();
    const refreshed = await workers.run<RefreshSummary>('refresh', { train: false });
    const rowsAgain = await rowsOf();
    const rebuilt = await shop.build();
    const after = await shop.digests();
    await registerVersion(staging, await headOf(shop), true);
    const second = await sweep();
    const rebuiltAgain = await shop.build();
    const atTheEnd = await shop.digests();
    return {
      before,
      rehearsed,
      first,
      refreshed,
      rowsAgain,
      rebuilt,
      after,
      second,
      rebuiltAgain,
      atTheEnd,
      rows,
      shop,
    };
  } finally {
    await workers.stop();
  }
};

const headOf = (shop: Shop): Promise<Pin> =>
  shop.withLake(async ({ lake }) => {
    const head = (await lake.commits.heads()).find(({ table }) => table === 'silver.events');
    if (!head) throw new Error('there are no facts');
    return head;
  });
