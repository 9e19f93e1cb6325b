// Records the histories that the replay test holds every later version of the workflows against: `node --import tsx test/histories/record.ts`.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { generateWorld, startProduct } from '../support/product.ts';

const product = await startProduct();
try {
  const world = await generateWorld(product.environment.home, 200_000);
  await product.run('first', { path: world.path, source: 'clickstream' });
  await product.run('second', {});
  const ids = [
    'first',
    'first/ingest',
    'first/transform',
    'first/train/propensity',
    'first/score/propensity',
    'second',
  ];
  for (const id of ids) {
    const history = await product.client.workflow.getHandle(id).fetchHistory();
    // Folders of the machine that recorded it are nobody's business, and no workflow looks at them.
    const text = historyToJSON(history).replaceAll(product.environment.home, '/home/perennial');
    writeFileSync(path.join(import.meta.dirname, `${id.replaceAll('/', '-')}.json`), `${text}\n`);
  }
} finally {
  await product.stop();
}
