// Records the histories that the replay test holds every later version of the workflows against: `node --import tsx test/histories/record.ts`.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { queues } from '../../workflows/names.ts';
import { generateWorld, startProduct } from '../support/product.ts';

const product = await startProduct();
const { workflow } = product.client;

const keep = async (id: string): Promise<void> => {
  const history = await workflow.getHandle(id).fetchHistory();
  // Folders of the machine that recorded it are nobody's business, and no workflow looks at them.
  const text = historyToJSON(history).replaceAll(product.environment.home, '/home/perennial');
  writeFileSync(path.join(import.meta.dirname, `${id.replaceAll('/', '-')}.json`), `${text}\n`);
};

const recorded = async (type: string, id: string, input: unknown): Promise<void> => {
  await workflow.execute(type, { workflowId: id, taskQueue: queues.light, args: [input] });
  await keep(id);
};

try {
  const world = await generateWorld(product.environment.home, 200_000);
  await recorded('run', 'first', { path: world.path, source: 'clickstream' });
  for (const stage of ['ingest', 'transform', 'train/propensity', 'score/propensity']) await keep(`first/${stage}`);
  const answer = await fetch(`${product.environment.api.url}/predict/propensity/nobody`);
  if (answer.status !== 200) throw new Error(`the API answered ${answer.status}`);
  await product.predictionsLogged(1);
  await recorded('collectPredictions', 'collect-predictions', {});
  await recorded('tagData', 'tag', { name: 'season', description: 'as first seen', by: 'bob' });
  await recorded('run', 'second', {});
  await recorded('run', 'tagged', { tag: 'season' });
  await recorded('rollbackData', 'rollback-data', { tag: 'season', by: 'bob', why: 'to be recorded' });
  await recorded('untagData', 'untag', { tag: 'season', by: 'bob' });
  await recorded('reproduce', 'reproduce', { model: 'ecommerce-intelligence/propensity', version: 1 });
  await recorded('reconcile', 'reconcile', {});
  await recorded('refresh', 'refresh', { train: false });
  await recorded('maintain', 'maintain', {});
  await recorded('sweep', 'sweep', { afterDays: 1, settleSeconds: 1 });
} finally {
  await product.stop();
}
