// Records the histories of promotions and of a rollback that the replay test holds every later version of the workflows against:
// `node --import tsx test/histories/record-promotions.ts`. Beside record.ts, since these need three environments but no ingestion.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { queues } from '../../workflows/names.ts';
import {
  decide,
  fillLake,
  type Place,
  promotion,
  startPromotion,
  startWorld,
  trainFirst,
  until,
  untilWaiting,
  variant,
} from '../promotion/world.ts';

const world = await startWorld();
const { staging, prod } = world.at;

const keep = async ({ client }: Place, id: string): Promise<void> => {
  const history = await client.workflow.getHandle(id).fetchHistory();
  const text = historyToJSON(history).replaceAll(world.environment.home, '/home/perennial');
  writeFileSync(path.join(import.meta.dirname, `${id}.json`), `${text}\n`);
};

/** With a reminder, and asked again since the data changed meanwhile. */
const promoteWithApproval = async (id: string): Promise<void> => {
  const handle = await startPromotion(prod, id, { by: 'bob', remindAfterSeconds: 1 });
  const first = await untilWaiting(handle);
  await until(async () => ((await promotion(handle)).notes.length > 0 ? true : undefined));
  await fillLake(prod, id);
  await decide(handle, 'approve', { by: 'alice' });
  await until(async () => {
    const view = await promotion(handle);
    return view.openedAt !== null && view.evidence !== first.evidence ? true : undefined;
  });
  await decide(handle, 'approve', { by: 'alice', why: 'still better' });
  await handle.result();
  await keep(prod, id);
};

try {
  await trainFirst(world, await fillLake(world.at.dev, 'dev'));
  const stops = [await world.host('staging'), await world.host('prod')];
  await (await startPromotion(staging, 'promote-refused', {})).result();
  await keep(staging, 'promote-refused');
  await fillLake(staging, 'staging');
  await fillLake(prod, 'prod');
  await (await startPromotion(staging, 'promote-staging', { by: 'bob' })).result();
  await keep(staging, 'promote-staging');
  await promoteWithApproval('promote-prod');
  const version = await variant(world, 'second');
  await (await startPromotion(staging, 'second', { version })).result();
  const rejected = await startPromotion(prod, 'promote-rejected', { by: 'bob' });
  await untilWaiting(rejected);
  await decide(rejected, 'reject', { by: 'alice', why: 'not now' });
  await rejected.result();
  await keep(prod, 'promote-rejected');
  const second = await startPromotion(prod, 'promote-second', { by: 'bob' });
  await untilWaiting(second);
  await decide(second, 'approve', { by: 'alice' });
  await second.result();
  await prod.client.workflow.execute('rollback', {
    workflowId: 'rollback',
    taskQueue: queues.light,
    args: [{ by: 'alice' }],
  });
  await keep(prod, 'rollback');
  for (const stop of stops) await stop();
} finally {
  await world.stop();
}
