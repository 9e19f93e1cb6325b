// Registration on a real Postgres and a real MLflow: gates decide, the alias moves once, and a kill anywhere leaves one of everything.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { logAndRegister, type RegisterInput } from '../../activities/register.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { storePackage } from '../../adapters/artifacts/model-package.ts';
import { MlflowClient } from '../../adapters/mlflow/client.ts';
import { getAlias } from '../../adapters/mlflow/models.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { PostgresSignatures } from '../../adapters/postgres/signatures.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { sha256 } from '../../core/commit.ts';
import type { MetricGate } from '../../core/model.ts';
import { buildPackage, type ModelParts } from '../../core/model-package.ts';
import { sampleParts } from '../core/sample-evaluation.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { registrationDeps } from './registration-deps.ts';

let stack: TestStack;
let pool: Pool;
let registry: PostgresRegistry;
let mlflow: MlflowClient;
let artifacts: FolderArtifacts;

beforeAll(async () => {
  stack = await startTestStack(['postgres', 'mlflow']);
  const { postgres, schema, mlflow: place, artifacts: folder } = stack.environment;
  pool = openPool(postgres, { max: 30, schema });
  registry = new PostgresRegistry(pool);
  mlflow = new MlflowClient(place.url);
  artifacts = new FolderArtifacts(folder);
});
afterAll(async () => {
  await pool?.end();
  await stack?.stop();
});

const GATES: MetricGate[] = [{ metric: 'roc_auc', greaterIsBetter: true, threshold: 0.6, minAbsoluteChange: 0.01 }];

const prepared = async (model: string, rocAuc: number, more: Partial<RegisterInput> = {}): Promise<RegisterInput> => {
  const parts = sampleParts(`${model} ${rocAuc}`);
  const figures = { ...parts.evaluation.figures, roc_auc: { value: rocAuc } };
  const given: ModelParts = { ...parts, model, evaluation: { ...parts.evaluation, figures } };
  const manifest = await storePackage(artifacts, buildPackage(given));
  const key = sha256(`${model} ${rocAuc}`);
  return { env: 'dev', useCase: given.useCase, model, key, manifest, gates: GATES, runUrl: 'http://ui/run', ...more };
};

const frame = (signal = new AbortController().signal) => ({
  signal,
  onProgress: () => undefined,
  lineage: { workflow: 'run-ecommerce', run: 'run-1' },
});
const register = (input: RegisterInput, environment = 'dev') =>
  logAndRegister(registrationDeps({ pool, artifacts, mlflow, keys: keysOf(environment) }, environment), input, frame());
const keysOf = (environment: string) => new KeyFolder(join(stack.environment.keys, '..', environment), environment);
const signatures = async (model: string) =>
  new PostgresSignatures(pool).of({ model: `ecommerce-intelligence/${model}`, version: 1 });
const kinds = async (model: string) =>
  (await registry.events(`ecommerce-intelligence/${model}`)).map(({ kind }) => kind);
const shownAs = (model: string) => getAlias(mlflow, `dev.ecommerce_intelligence.${model}`, 'champion');

const Many = z.object({ metrics: z.array(z.object({ key: z.string() })), params: z.array(z.unknown()) });
const Shown = z.object({
  run: z.object({
    data: Many,
    inputs: z.object({ dataset_inputs: z.array(z.unknown()) }),
    outputs: z.object({ model_outputs: z.array(z.unknown()) }),
  }),
});
const runOf = (runId: string) => mlflow.call('GET', 'runs/get', { run_id: runId }, Shown);
const count = async (model: string) => {
  const experiment = await mlflow.call(
    'GET',
    'experiments/get-by-name',
    { experiment_name: `/dev/ecommerce-intelligence/${model}` },
    z.object({ experiment: z.object({ experiment_id: z.string() }) }),
  );
  const experiment_ids = [experiment.experiment.experiment_id];
  const list = z.array(z.unknown()).default([]);
  const { runs } = await mlflow.call('POST', 'runs/search', { experiment_ids }, z.object({ runs: list }));
  const { models } = await mlflow.call('POST', 'logged-models/search', { experiment_ids }, z.object({ models: list }));
  const filter = `name = 'dev.ecommerce_intelligence.${model}'`;
  const { model_versions } = await mlflow.call(
    'GET',
    'model-versions/search',
    { filter },
    z.object({ model_versions: list }),
  );
  return { runs: runs.length, models: models.length, versions: model_versions.length };
};

describe('logAndRegister', () => {
  it('registers, shows and crowns the first version that beats the rule', async () => {
    const done = await register(await prepared('first', 0.78));
    expect(done).toMatchObject({
      version: 1,
      created: true,
      champion: true,
      reasons: ['passed all 1 gates against the rule recency-frequency'],
    });
    expect(done.metrics).toMatchObject({
      roc_auc: 0.78,
      baseline_roc_auc: 0.71,
      oracle_roc_auc: 0.79,
      brier_low: 0.066,
    });
    expect(await registry.champion('ecommerce-intelligence/first')).toMatchObject({
      version: 1,
      packageSha256: done.package.sha256,
      mlflow: done.mlflowIds,
    });
    expect(await shownAs('first')).toBe(done.mlflowIds.version);
    const { run } = await runOf(done.mlflowIds.runId);
    expect(run.data.metrics.map(({ key }) => key).toSorted()).toEqual(Object.keys(done.metrics).toSorted());
    expect([run.inputs.dataset_inputs.length, run.outputs.model_outputs.length]).toEqual([1, 1]);
    for (const name of ['pictures/roc.svg', 'pictures/shap.svg', 'pictures.html', 'card.md']) {
      const reply = await fetch(
        `${mlflow.url}/get-artifact?run_uuid=${done.mlflowIds.runId}&path=${encodeURIComponent(name)}`,
      );
      expect([name, reply.status]).toEqual([name, 200]);
    }
  });

  it('does it again without doing anything again', async () => {
    const input = await prepared('again', 0.78);
    const first = await register(input);
    const second = await register(input);
    expect(second).toEqual({ ...first, created: false });
    expect(await count('again')).toEqual({ runs: 1, models: 1, versions: 1 });
    expect(await kinds('again')).toEqual(['version registered', 'mlflow recorded', 'state moved', 'alias moved']);
  });

  it('does it once when asked eight times at once', async () => {
    const input = await prepared('crowd', 0.78);
    const all = await Promise.all(Array.from({ length: 8 }, () => register(input)));
    expect(all.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(all.map(({ mlflow: address }) => address)).size).toBe(1);
    expect(await count('crowd')).toEqual({ runs: 1, models: 1, versions: 1 });
    expect(await kinds('crowd')).toEqual(['version registered', 'mlflow recorded', 'state moved', 'alias moved']);
    expect(await signatures('crowd')).toHaveLength(1);
  });

  it('refuses what does not beat the champion, says why, and keeps the champion', async () => {
    await register(await prepared('beaten', 0.78));
    const weaker = await register(await prepared('beaten', 0.785));
    expect(weaker).toMatchObject({ version: 2, champion: false });
    expect(weaker.reasons).toEqual([
      'roc_auc 0.785 is below 0.79 (0.78 of the champion version 1 (on its own test) and a change of 0.01)',
    ]);
    expect(await shownAs('beaten')).toBe('1');
    const fair = { version: 1, metrics: { roc_auc: 0.7 } };
    const rejudged = await register(await prepared('beaten', 0.785, { champion: fair }));
    expect(rejudged).toMatchObject({ version: 2, created: false, champion: true });
    expect(await shownAs('beaten')).toBe('2');
  });

  it('shows the champion of Postgres in MLflow, also when it answers for an older version', async () => {
    const old = await prepared('older', 0.78);
    await register(old);
    await register(await prepared('older', 0.9));
    expect(await register(old)).toMatchObject({ version: 1, champion: false });
    expect(await shownAs('older')).toBe('2');
  });

  it('crowns nobody outside dev, and takes no request of another environment', async () => {
    const input = await prepared('walls', 0.78);
    await expect(register(input, 'staging')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(await register({ ...input, env: 'staging' }, 'staging')).toMatchObject({ version: 1, champion: false });
    expect(await registry.champion('ecommerce-intelligence/walls')).toBeUndefined();
  });

  it("refuses another model's package, and one that is not there", async () => {
    const input = await prepared('mine', 0.78);
    await expect(register({ ...input, model: 'yours' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    const absent = { ...input.manifest, sha256: '0'.repeat(64) };
    await expect(register({ ...input, manifest: absent })).rejects.toMatchObject({ code: 'UNKNOWN_NAME' });
  });
});

describe('a kill', () => {
  const run = promisify(execFile);
  const child = async (input: RegisterInput, die: string | number | null): Promise<{ killed: boolean }> => {
    const { postgres, schema, mlflow: place, artifacts: folder, keys, root } = stack.environment;
    const job = JSON.stringify({ postgres, schema, mlflow: place.url, artifacts: folder, keys, input, die });
    const script = join(root, 'test/activities/register-child.ts');
    try {
      await run(process.execPath, ['--import', 'tsx', script, job], { cwd: root });
      return { killed: false };
    } catch (error) {
      if (error instanceof Error && 'signal' in error && error.signal === 'SIGKILL') return { killed: true };
      throw error;
    }
  };
  /** Steps at whose beginning the process dies; those between them end by a request. */
  const STEPS = ['version', 'signature', 'run', 'ids', 'alias', 'alias in MLflow', 'done'];

  it('at any step, and after any request that MLflow has carried out, leaves one of everything', async () => {
    const straight = await prepared('straight', 0.78);
    expect((await child(straight, null)).killed).toBe(false);
    const input = await prepared('killed', 0.78);
    for (const step of STEPS.slice(0, 3)) expect([step, (await child(input, step)).killed]).toEqual([step, true]);
    // Each attempt gets one request further than the last; what was made before is found and not made again.
    let deaths = 0;
    while ((await child(input, deaths + 1)).killed) deaths++;
    expect(deaths).toBeGreaterThanOrEqual(10);
    for (const step of STEPS.slice(3)) expect([step, (await child(input, step)).killed]).toEqual([step, true]);
    const done = await register(input);
    const undisturbed = await register(straight);
    expect(done).toMatchObject({ version: 1, created: false, champion: true, metrics: undisturbed.metrics });
    expect(await count('killed')).toEqual({ runs: 1, models: 1, versions: 1 });
    expect(await kinds('killed')).toEqual(['version registered', 'mlflow recorded', 'state moved', 'alias moved']);
    expect(await signatures('killed')).toHaveLength(1);
    const [a, b] = await Promise.all([runOf(done.mlflowIds.runId), runOf(undisturbed.mlflowIds.runId)]);
    expect(a.run.data.metrics).toEqual(b.run.data.metrics);
    expect(a.run.inputs.dataset_inputs).toHaveLength(1);
    const history = { run_id: done.mlflowIds.runId, metric_key: 'roc_auc' };
    const { metrics } = await mlflow.call(
      'GET',
      'metrics/get-history',
      history,
      z.object({ metrics: z.array(z.unknown()) }),
    );
    expect(metrics).toHaveLength(1);
  });
});
