// `npm run bench -- serving [--seconds N] [--entities N] [--feast PYTHON] [--only rate,overload,connections,mlflow,feast]
// [--out bench/results/serving.md]`: predictions by key at a fixed rate, at more than the server can do and with many connections, and
// feature-complete requests beside `mlflow models serve`. Load generator and server share the machine.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crowdTable, floodTable, intro, keyTable, peerTable, rateTables } from './page.ts';
import { principals } from './principals.ts';
import { besideFeast, besideMlflow, crowds, fixedRate, floods } from './runs.ts';
import { type Scene, setScene } from './scene.ts';

export interface ServingOptions {
  readonly entities: number;
  readonly seconds: number;
  /** A Python that has Feast, for the comparison with its feature server. */
  readonly feast?: string | undefined;
  /** Parts of the page; without one, all. */
  readonly only?: readonly Part[] | undefined;
  /** Where the page is written, if anywhere. */
  readonly out?: string | undefined;
}

export const parts = ['rate', 'overload', 'connections', 'mlflow', 'feast'] as const;
export type Part = (typeof parts)[number];

export const servingBench = async ({
  entities,
  seconds,
  feast,
  only = parts,
  out,
}: ServingOptions): Promise<string> => {
  const scene = await setScene(entities);
  try {
    const page = await measure(scene, { seconds, feast, only });
    if (out !== undefined) {
      await mkdir(path.dirname(out), { recursive: true });
      await writeFile(out, `${page}\n`);
    }
    return page;
  } finally {
    await scene.stop();
  }
};

interface How {
  readonly seconds: number;
  readonly feast: string | undefined;
  readonly only: readonly Part[];
}

const measure = async (scene: Scene, { seconds, feast, only }: How): Promise<string> => {
  const asWhom = await principals(scene.environment);
  const page = [intro(scene, seconds)];
  if (only.includes('rate')) page.push(rateTables(await fixedRate(scene, asWhom)));
  if (only.includes('mlflow')) page.push(peerTable(await besideMlflow(scene, seconds, asWhom)));
  if (only.includes('feast') && feast !== undefined)
    page.push(keyTable(await besideFeast(scene, { python: feast, seconds, asWhom })));
  // Last, since they leave Postgres with work to do.
  if (only.includes('overload')) page.push(floodTable(await floods(scene, seconds, asWhom)));
  if (only.includes('connections')) page.push(crowdTable(await crowds(scene, seconds, asWhom)));
  return page.join('\n\n');
};
