// The two contestants of the pipeline bench: a durable run from files to online features, and the same work in one plain process. Each
// begins with a fresh home, its servers already up.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startProduct } from '../test/support/product.ts';
import { startTestStack } from '../test/support/stack.ts';
import { measured } from './measure.ts';

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

export const bare = async (scene: string, root: string): Promise<Record<string, number>> => {
  const { environment, stop } = await startTestStack(['postgres']);
  try {
    const { postgres, schema } = environment;
    const whole = { ...JSON.parse(readFileSync(scene, 'utf8')), online: { ...postgres, schema } };
    const file = path.join(environment.home, 'scene.json');
    writeFileSync(file, JSON.stringify(whole), { mode: 0o600 });
    const seconds = await measured('node', ['--import', 'tsx', path.join(root, 'bench/bare.ts'), file], root);
    const parts = Object.entries(seconds).map(([part, took]) => `${part} ${took.toFixed(1)}`);
    console.error(`    bare: ${parts.join(' · ')}`);
    return { total: seconds.total ?? Number.NaN };
  } finally {
    await stop();
  }
};
