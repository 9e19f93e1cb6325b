// The durable contestant: a fresh home each time, the stack already up, one whole run from files to online features.
import { startProduct } from '../test/support/product.ts';

export const durable = async (csv: string): Promise<Record<string, number>> => {
  const product = await startProduct();
  try {
    const begun = performance.now();
    await product.run('bench', { path: csv, source: 'clickstream' });
    const total = (performance.now() - begun) / 1000;
    const progress = await product.client.workflow
      .getHandle('bench')
      .query<{ stages: { name: string; startedAt?: number; endedAt?: number }[] }, []>('progress');
    const stages = progress.stages.map(
      ({ name, startedAt = 0, endedAt = 0 }) => `${name} ${((endedAt - startedAt) / 1000).toFixed(1)}`,
    );
    console.error(`    ${stages.join(' · ')}`);
    return { total };
  } finally {
    await product.stop();
  }
};
