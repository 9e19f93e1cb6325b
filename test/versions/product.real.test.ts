// Data versions, reproduction and the comparison of environments on the whole product: one shop in dev, and a champion of its own in staging.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RolledBack } from '../../activities/rollback.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { loadPackage, storePackage } from '../../adapters/artifacts/model-package.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { diffEnvironments } from '../../cli/commands/diff.ts';
import { compareData } from '../../cli/data-diff.ts';
import type { EnvironmentDiff } from '../../core/environment-diff/index.ts';
import { diffMarkdown } from '../../core/environment-diff/markdown.ts';
import type { Reproduction } from '../../core/reproduction.ts';
import type { RunSummary } from '../../core/run.ts';
import { type Environment, settingsOf, siblingOf } from '../../environments/environment.ts';
import { queues } from '../../workflows/names.ts';
import { openTestLake } from '../support/lake.ts';
import { generateWorld, type Product, startProduct, type World } from '../support/product.ts';
import { correctedDay } from './lake-shop.ts';

const MODEL = 'ecommerce-intelligence/propensity';
let product: Product;
let staging: Environment;
let world: World;
let first: RunSummary;
let digests: Readonly<Record<string, string>>;
let compared: EnvironmentDiff;

beforeAll(async () => {
  product = await startProduct();
  staging = siblingOf(product.environment, 'staging');
  world = await generateWorld(product.environment.home, 60_000);
  first = await product.run('first', { path: world.path, source: 'clickstream' });
  await ask('tagData', { name: 'first', by: 'mara', description: 'as delivered' });
  digests = await product.digests();
}, 600_000);
afterAll(async () => product?.stop());

const ask = <Result>(workflow: string, input: object): Promise<Result> =>
  product.client.workflow.execute<(given: object) => Promise<Result>>(workflow, {
    workflowId: `${workflow}/${Math.random()}`,
    taskQueue: queues.light,
    args: [input],
  });

const perennial = async (...words: string[]): Promise<{ code: number; out: string }> => {
  const options = {
    cwd: product.environment.root,
    env: { PATH: process.env.PATH, ...settingsOf(product.environment) },
  };
  return promisify(execFile)('node', ['cli/perennial.mjs', ...words], options).then(
    ({ stdout }) => ({ code: 0, out: stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, out: error.stdout }),
  );
};

/** Changes one byte in the middle of a file for the length of `work`. */
const corrupted = async <T>(file: string, work: () => Promise<T>): Promise<T> => {
  const whole = readFileSync(file);
  const broken = Buffer.from(whole);
  const middle = Math.floor(broken.length / 2);
  broken[middle] = (broken[middle] ?? 0) ^ 1;
  writeFileSync(file, broken);
  try {
    return await work();
  } finally {
    writeFileSync(file, whole);
  }
};

const states = ({ stages }: Reproduction) => Object.fromEntries(stages.map(({ stage, state }) => [stage, state]));

describe('a registered version', () => {
  it('comes out the same, bit for bit, and the lake is not touched', async () => {
    const snapshots = async () => {
      const { lake, close } = await openTestLake(product.environment);
      const count = await lake.db.number(`select count(*) from ducklake_snapshots('lake')`);
      await close();
      return count;
    };
    const before = await snapshots();
    const { code, out } = await perennial('reproduce', 'first', '--json');
    const found: Reproduction = JSON.parse(out);
    expect(states(found)).toEqual(
      Object.fromEntries(
        ['code', 'plan', 'bronze', 'features', 'split', 'matrix', 'model', 'onnx', 'package'].map((stage) => [
          stage,
          'equal',
        ]),
      ),
    );
    expect([code, found.equal, found.version]).toEqual([0, true, 1]);
    expect(await snapshots()).toBe(before);
    expect(readdirSync(path.join(product.environment.stage, 'reproduce'))).toEqual([]);
  });

  it('is told to differ at its features where one byte of them was changed', async () => {
    const folder = path.join(product.environment.lake.dataPath, 'features', 'customer_daily');
    const files = readdirSync(folder).map((name) => path.join(folder, name));
    const [largest = ''] = files.toSorted((a, b) => statSync(b).size - statSync(a).size);
    const found = await corrupted(largest, () => ask<Reproduction>('reproduce', { model: MODEL, version: 1 }));
    expect(found).toMatchObject({ equal: false, firstDifference: 'features' });
    expect(states(found)).toMatchObject({ bronze: 'equal', matrix: 'equal', package: 'equal' });
    expect(found.stages.find(({ stage }) => stage === 'features')?.note).toMatch(/customer_daily|corrupt|[Ii]nvalid/);
  });

  it('is told to differ at its plan where one byte of a parameter was changed', async () => {
    const { artifacts } = product.environment;
    const plan = readdirSync(path.join(artifacts, 'sha256'), { recursive: true })
      .map((name) => path.join(artifacts, 'sha256', String(name)))
      .find((file) => statSync(file).isFile() && readFileSync(file, 'utf8').includes('"featureViews"'));
    const { code, out } = await corrupted(plan ?? '', () => perennial('reproduce', `${MODEL}@1`, '--json'));
    const found: Reproduction = JSON.parse(out);
    expect([code, found.equal, found.firstDifference]).toEqual([3, false, 'plan']);
    expect(states(found)).toMatchObject({ features: 'not reached', package: 'not reached' });
  });

  it('that is unknown is refused with those that are known', async () => {
    const unknown = ask('reproduce', { model: MODEL, version: 7 });
    await expect(unknown).rejects.toMatchObject({ cause: { cause: { type: 'UNKNOWN_NAME' } } });
  });
});

describe('a run from a tag', () => {
  it('trains on the tagged tables and finds what was trained from them', async () => {
    const again = await product.run('tagged', { tag: 'first' });
    expect(again).toMatchObject({ moments: first.moments, steps: { ran: 0, reused: 3 }, report: '' });
    expect(again.models[0]).toMatchObject({ version: 1, created: false });
  });

  it('takes no files with it', async () => {
    const both = product.run('both', { tag: 'first', path: world.path });
    await expect(both).rejects.toMatchObject({ cause: { cause: { type: 'INVALID_INPUT' } } });
  });
});

describe('a catalog that goes back to a tag', () => {
  it('has moved on: a corrected file, a run', async () => {
    const folder = path.dirname(world.path);
    const corrections = path.join(folder, 'truth');
    correctedDay(folder, 100, corrections);
    const second = await product.run('second', { path: path.join(corrections, '*.csv'), source: 'clickstream' });
    expect(second.ingest).toMatchObject({ files: 1, known: 0 });
    const { tables } = await compareData(product.environment, 'first', 'now');
    const names = tables.map(({ table }) => table);
    expect(names).toEqual(expect.arrayContaining(['bronze.files', 'silver.events', 'features.customer_daily']));
    expect(tables.find(({ table }) => table === 'silver.events')?.byKey?.removed).toBeGreaterThan(0);
  });

  it('trains from the tag as if nothing had come since', async () => {
    const again = await product.run('tagged-later', { tag: 'first' });
    expect(again.models[0]).toMatchObject({ version: 1, created: false });
  });

  it('holds what it held, and the next run finds everything, online features included', async () => {
    const done = await ask<RolledBack>('rollbackData', { tag: 'first', by: 'mara', why: 'a bad delivery' });
    expect(done.tables.map(({ table }) => table)).toContain('features.customer_daily');
    expect(await product.digests()).toEqual(digests);
    const third = await product.run('third', {});
    expect(third.steps.ran).toBe(0);
    expect(third.moments).toEqual(first.moments);
  });
});

describe('two environments', () => {
  it('where one is empty: says so', async () => {
    const found = await diffEnvironments(product.environment, staging);
    expect(found.notes).toEqual(['staging: its lake is empty']);
    expect(found.models).toMatchObject([
      { model: MODEL, to: null, flips: null, slices: { on: { environment: 'dev' } } },
    ]);
    expect(found.models[0]?.notes).toEqual([`staging has no champion of ${MODEL} yet`]);
    expect(diffMarkdown(found)).toContain('staging has no champion');
  });

  it('with champions of their own: the same rows, judged by both', async () => {
    await crownInStaging();
    compared = await diffEnvironments(product.environment, staging);
    const [model] = compared.models;
    expect(model).toMatchObject({ same: false, notes: [] });
    expect(model?.slices?.rows[0]).toMatchObject({ by: 'all', rows: first.models[0]?.metrics.test_rows });
    const all = model?.slices?.rows[0];
    expect(all?.from?.rocAuc).toBeCloseTo(model?.from?.metrics.roc_auc ?? 0, 12);
    expect(all?.to?.rocAuc).not.toBe(all?.from?.rocAuc);
    const bought = model?.slices?.rows.filter(({ by }) => by === 'has_prior_purchase') ?? [];
    expect(bought.reduce((sum, { rows }) => sum + rows, 0)).toBe(all?.rows);
    expect(model?.flips).toMatchObject({ on: { environment: 'dev', cut: first.moments.asOf } });
    expect(model?.flips?.flipped).toBeGreaterThan(0);
    expect(model?.flips?.in).toBe(model?.flips?.out);
  });

  it('as Markdown names no customer, and fails a check that asks for no change', async () => {
    const { code, out } = await perennial('diff', 'dev', 'staging', '--markdown', '--fail-on-change');
    expect(code).toBe(3);
    expect(out).toContain('| has_prior_purchase = 1 |');
    const movers = compared.models[0]?.flips?.movers ?? [];
    expect(movers.length).toBeGreaterThan(0);
    for (const { entity } of movers) expect(out).not.toContain(entity);
  });

  it('that are one: nothing differs', async () => {
    const found = await diffEnvironments(product.environment, product.environment);
    expect(found).toMatchObject({ changed: false, models: [{ same: true, flips: { flipped: 0, movers: [] } }] });
    expect(found.features.map(({ psi }) => psi)).toEqual(found.features.map(() => 0));
    expect(found.features.length).toBeGreaterThan(20);
    expect(found.tables.length).toBeGreaterThan(20);
  });
});

/** Another model on the same tagged tables, its package copied and crowned by hand, which elsewhere a promotion does. */
const crownInStaging = async (): Promise<void> => {
  const { models } = await product.run('other-seed', { tag: 'first', seed: 7 });
  // Whichever of the two is not dev's champion now.
  const other = models[0]?.champion ? first.models[0] : models[0];
  const { sha256 } = other?.package ?? { sha256: '' };
  const [here, there] = [product.environment, staging].map(({ artifacts }) => new FolderArtifacts(artifacts));
  if (!here || !there) throw new Error('two stores are needed');
  const { files, manifest, manifestBytes } = await loadPackage(here, sha256);
  await storePackage(there, { files, manifest, manifestBytes, sha256 });
  const pool = openPool(staging.postgres, { max: 2, schema: staging.schema });
  const registry = new PostgresRegistry(pool);
  const by = { by: 'mara', why: 'a test' };
  const made = {
    model: MODEL,
    key: sha256,
    packageSha256: sha256,
    metrics: other?.metrics ?? {},
    lineage: {},
    runId: 'r',
    ...by,
  };
  await registry.registerVersion(made);
  const move = { model: MODEL, alias: 'champion', from: null, to: 1, operation: 'crown', ...by };
  expect(await registry.moveAlias(move)).toMatchObject({ moved: true });
  await pool.end();
};
