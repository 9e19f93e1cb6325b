// The two contestants of the pipeline bench: a durable run from files to online features, and the same work in one plain process. Each
// begins with a fresh home, its servers already up.
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findFiles, sha256OfFile } from '../activities/ingest/find-files.ts';
import { startProduct } from '../test/support/product.ts';
import { startTestStack } from '../test/support/stack.ts';
import { measured } from './measure.ts';

/** Whoever comes first would wait for the disk, and the other would not. */
const readOnce = async (csv: string): Promise<void> => {
  const { files } = await findFiles(csv, { stage: tmpdir() });
  for (const { path: file } of files) await sha256OfFile(file);
};

export const durable = async (csv: string): Promise<Record<string, number>> => {
  await readOnce(csv);
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

export const bare = async (csv: string, scene: string, root: string): Promise<Record<string, number>> => {
  await readOnce(csv);
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
