// The reconciler on a real Postgres and a real MLflow: what was lost is made again, what people changed is set back and told of, what they
// added is left; a kill after any request changes neither what is mended nor what is told.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { surveyMlflow } from '../../activities/reconcile/index.ts';
import { reconcileModel } from '../../activities/reconcile/mend.ts';
import { logAndRegister } from '../../activities/register.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { storePackage } from '../../adapters/artifacts/model-package.ts';
import { putArtifact } from '../../adapters/mlflow/artifacts.ts';
import { type Fields, type Method, MlflowClient } from '../../adapters/mlflow/client.ts';
import { getAlias, setAlias, setVersionTag, updateDescription } from '../../adapters/mlflow/models.ts';
import { loggedModelFiles, type ShownVersion, shownModel, shownRun } from '../../adapters/mlflow/reading.ts';
import { openPool, withConnection } from '../../adapters/postgres/pool.ts';
import { type MlflowIds, PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { sha256 } from '../../core/commit.ts';
import { buildPackage } from '../../core/model-package.ts';
import { type Finding, reconcileResult } from '../../core/reconcile.ts';
import { sampleParts } from '../core/sample-evaluation.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { registrationDeps } from './registration-deps.ts';

let stack: TestStack;
let pool: Pool;
let registry: PostgresRegistry;
let mlflow: MlflowClient;
let deps: ReturnType<typeof registrationDeps>;

beforeAll(async () => {
  stack = await startTestStack(['postgres', 'mlflow']);
  const { postgres, schema, mlflow: place, artifacts } = stack.environment;
  pool = openPool(postgres, { max: 8, schema });
  registry = new PostgresRegistry(pool);
  mlflow = new MlflowClient(place.url);
  deps = registrationDeps({ pool, artifacts: new FolderArtifacts(artifacts), mlflow });
});
afterAll(async () => {
  await pool?.end();
  await stack?.stop();
});

const plainFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = plainFetch;
});

/** Writing requests to MLflow from now on; the process “dies” after the one of number `dieAt`, which the server has carried out. */
const watch = (dieAt = Number.POSITIVE_INFINITY) => {
  const seen = { writes: 0 };
  let deeds = 0;
  globalThis.fetch = async (input, init) => {
    const response = await plainFetch(input, init);
    const method = init?.method ?? 'GET';
    if (method === 'GET' || String(input).endsWith('/search')) return response;
    seen.writes += 1;
    // Files are put whole, and the same again: a death there leaves nothing half done.
    if (method !== 'PUT' && ++deeds === dieAt) throw new Error('killed');
    return response;
  };
  return seen;
};

let runs = 0;
const frame = (run = `run-${++runs}`) => ({
  signal: new AbortController().signal,
  onProgress: () => undefined,
  lineage: { workflow: 'reconcile', run },
});

const nameOf = (model: string) => `dev.ecommerce_intelligence.${model}`;
const keyOf = (model: string) => `ecommerce-intelligence/${model}`;

/** Registers a version of that quality, as training does; it becomes champion if it is the best so far. */
const register = async (model: string, rocAuc: number): Promise<MlflowIds> => {
  const parts = sampleParts(`${model} ${rocAuc}`);
  const figures = { ...parts.evaluation.figures, roc_auc: { value: rocAuc } };
  const built = buildPackage({ ...parts, model, evaluation: { ...parts.evaluation, figures } });
  const manifest = await storePackage(deps.artifacts, built);
  const { mlflowIds } = await logAndRegister(
    deps,
    {
      env: 'dev',
      useCase: parts.useCase,
      model,
      key: sha256(`${model} ${rocAuc}`),
      manifest,
      gates: [{ metric: 'roc_auc', greaterIsBetter: true, threshold: 0.6, minAbsoluteChange: 0.01 }],
      runUrl: 'http://ui/run',
    },
    frame('run-1'),
  );
  return mlflowIds;
};

const reconcile = async (model: string, { dryRun = false, run }: { dryRun?: boolean; run?: string } = {}) =>
  (await reconcileModel(deps, { model: keyOf(model), dryRun }, frame(run))).findings;
const told = (findings: readonly Finding[]) =>
  findings.map(({ subject, kind, deed }) => `${subject}: ${kind}, ${deed}`).toSorted();
const call = (method: Method, path: string, fields: Fields) => mlflow.call(method, path, fields, z.unknown());
const versionAt = async (model: string, number: string): Promise<ShownVersion | undefined> =>
  (await shownModel(mlflow, nameOf(model)))?.versions.find(({ version }) => version === number);
const recorded = async (model: string, version: number): Promise<MlflowIds> => {
  const found = (await registry.versions(keyOf(model))).find((known) => known.version === version)?.mlflow;
  if (!found) throw new Error('not recorded');
  return found;
};

/** What MLflow shows of a model, without what it numbers and times itself. */
const shownOf = async (model: string) => {
  const found = await shownModel(mlflow, nameOf(model));
  const versions = await Promise.all(
    (await registry.versions(keyOf(model))).map(async ({ version, mlflow: ids }) => {
      const shown = found?.versions.find((one) => one.version === ids?.version);
      const run = await shownRun(mlflow, ids?.runId ?? '');
      const aliases = [...(found?.aliases ?? [])]
        .filter(([, number]) => number === ids?.version)
        .map(([alias]) => alias);
      return {
        version,
        aliases,
        description: shown?.description,
        tags: Object.fromEntries(shown?.tags ?? []),
        standing: shown?.source === `models:/${ids?.modelId}`,
        run: run && {
          deleted: run.deleted,
          metrics: Object.fromEntries(run.metrics),
          note: run.tags.get('mlflow.note.content'),
        },
      };
    }),
  );
  return { description: found?.description, versions };
};

describe('a registry that MLflow shows', () => {
  it('is left alone, and asking costs no write', async () => {
    await register('calm', 0.78);
    await register('calm', 0.9);
    const seen = watch();
    expect(await reconcile('calm')).toEqual([]);
    expect(await reconcile('calm')).toEqual([]);
    expect(seen.writes).toBe(0);
  });

  it('that never got there, or whose alias lags behind, is mended without blaming anybody', async () => {
    await register('late', 0.78);
    const second = await register('late', 0.9);
    const move = {
      model: keyOf('late'),
      alias: 'champion',
      from: 2,
      to: 1,
      by: 'test',
      why: 'test',
      operation: 'late back',
    };
    await registry.moveAlias(move);
    expect(await reconcile('late')).toMatchObject([
      { subject: 'alias champion', kind: 'lost', found: 'version 2', truth: 'version 1', deed: 'set back' },
    ]);
    expect(await getAlias(mlflow, nameOf('late'), 'champion')).toBe('1');
    await pool.query(
      'update model_versions set mlflow_run_id = null, mlflow_model_id = null, mlflow_version = null where model = $1 and version = 2',
      [keyOf('late')],
    );
    expect(await reconcile('late')).toEqual([]);
    expect(second.version).toBe('2');
  });
});

describe('what people did in MLflow', () => {
  it('to an alias is set back: moved, taken away, or given where nobody is champion', async () => {
    await register('alias', 0.78);
    await register('alias', 0.9);
    await setAlias(mlflow, nameOf('alias'), 'champion', '1');
    await setAlias(mlflow, nameOf('alias'), 'mine', '1');
    expect(await reconcile('alias')).toMatchObject([
      { subject: 'alias champion', kind: 'hand-made', found: 'version 1', truth: 'version 2', deed: 'set back' },
      { subject: 'alias mine', kind: 'hand-made', found: 'version 1', truth: null, deed: 'left' },
    ]);
    expect(await getAlias(mlflow, nameOf('alias'), 'champion')).toBe('2');
    await call('DELETE', 'registered-models/alias', { name: nameOf('alias'), alias: 'champion' });
    expect(told(await reconcile('alias'))).toEqual([
      'alias champion: hand-made, made again',
      'alias mine: hand-made, left',
    ]);
    expect(await getAlias(mlflow, nameOf('alias'), 'champion')).toBe('2');
    await register('nobody', 0.5);
    await setAlias(mlflow, nameOf('nobody'), 'champion', '1');
    expect(told(await reconcile('nobody'))).toEqual(['alias champion: hand-made, set back']);
    expect(await getAlias(mlflow, nameOf('nobody'), 'champion')).toBeUndefined();
  });

  it('to words, tags, figures and files is set back where it can be, and kept in the record', async () => {
    const { runId, modelId } = await register('words', 0.78);
    const before = await shownOf('words');
    const name = nameOf('words');
    const files = (await loggedModelFiles(mlflow, modelId)) ?? '';
    await updateDescription(mlflow, name, '1', 'my own words');
    await call('PATCH', 'registered-models/update', { name, description: 'mine' });
    await setVersionTag(mlflow, name, '1', { key: 'perennial.package', value: 'f'.repeat(64) });
    await setVersionTag(mlflow, name, '1', { key: 'perennial.gates', value: 'passed, honestly' });
    await setVersionTag(mlflow, name, '1', { key: 'owner', value: 'alice' });
    await call('DELETE', 'model-versions/delete-tag', { name, version: '1', key: 'perennial.key' });
    await call('POST', 'runs/set-tag', { run_id: runId, key: 'perennial.key', value: 'x' });
    await putArtifact(mlflow, files, 'model.onnx', 'another model');
    await call('DELETE', `../mlflow-artifacts/artifacts/${files.replace('mlflow-artifacts:/', '')}/card.md`, {});
    await call('POST', 'runs/log-metric', { run_id: runId, key: 'roc_auc', value: 0.99, timestamp: 2e12, step: 9 });
    const findings = await reconcile('words');
    expect(told(findings)).toEqual([
      'description: hand-made, set back',
      'version 1 description: hand-made, set back',
      'version 1 figure roc_auc: hand-made, left',
      'version 1 file card.md: lost, made again',
      'version 1 file model.onnx: hand-made, set back',
      'version 1 run tag perennial.key: hand-made, set back',
      'version 1 tag perennial.gates: hand-made, set back',
      'version 1 tag perennial.key: hand-made, set back',
      'version 1 tag perennial.package: hand-made, set back',
    ]);
    const edited = findings.find(({ subject }) => subject === 'version 1 description');
    expect(edited).toMatchObject({ found: 'my own words', changedAt: expect.stringMatching(/^\d{4}-/) });
    const after = await shownOf('words');
    const [shown] = after.versions;
    expect(shown).toMatchObject({ tags: { owner: 'alice' }, run: { metrics: { roc_auc: 0.99 } } });
    const [old] = before.versions;
    expect(shown).toMatchObject({ description: old?.description, tags: old?.tags ?? {}, standing: true });
    expect(told(await reconcile('words'))).toEqual(['version 1 figure roc_auc: hand-made, left']);
  });

  it('away with versions, runs, logged models and experiments is made again, under the same aliases', async () => {
    await register('gone', 0.78);
    await register('gone', 0.9);
    const before = await shownOf('gone');
    const [first, second] = [await recorded('gone', 1), await recorded('gone', 2)];
    await call('DELETE', 'model-versions/delete', { name: nameOf('gone'), version: second.version });
    await call('POST', 'runs/delete', { run_id: first.runId });
    expect(told(await reconcile('gone'))).toEqual([
      'alias champion: hand-made, made again',
      'version 1 run: hand-made, set back',
      'version 2: hand-made, made again',
    ]);
    expect(await shownOf('gone')).toEqual(before);
    await call('DELETE', `logged-models/${second.modelId}`, {});
    expect(told(await reconcile('gone'))).toEqual(['version 2 logged model: hand-made, made again']);
    expect(await shownOf('gone')).toEqual(before);
    const { experiment } = await mlflow.call(
      'GET',
      'experiments/get-by-name',
      { experiment_name: '/dev/ecommerce-intelligence/gone' },
      z.object({ experiment: z.object({ experiment_id: z.string() }) }),
    );
    await call('POST', 'experiments/delete', experiment);
    await call('POST', 'registered-models/rename', { name: nameOf('gone'), new_name: nameOf('elsewhere') });
    expect(told(await reconcile('gone'))).toContain('registered model: hand-made, made again');
    expect(await shownOf('gone')).toEqual(before);
    expect(await reconcile('gone')).toEqual([]);
    await call('DELETE', 'registered-models/delete', { name: nameOf('elsewhere') });
  });

  it('beside what was registered is told of and left: versions, models, and a forged key that would be taken for ours', async () => {
    const { runId, modelId } = await register('strangers', 0.78);
    const name = nameOf('strangers');
    const key = sha256('strangers 0.78');
    const tags = [{ key: 'perennial.key', value: key }];
    await call('POST', 'model-versions/create', { name, source: `runs:/${runId}/x`, run_id: runId, tags });
    await call('POST', 'registered-models/create', { name: nameOf('invented') });
    await call('POST', 'registered-models/create', { name: 'staging.ecommerce_intelligence.other' });
    await call('DELETE', 'model-versions/delete', { name, version: '1' });
    expect(told(await reconcile('strangers'))).toEqual([
      'MLflow version 2: hand-made, left',
      'alias champion: hand-made, made again',
      'version 1: hand-made, made again',
    ]);
    const ids = await recorded('strangers', 1);
    expect([ids.modelId, ids.version]).toEqual([modelId, '3']);
    expect((await versionAt('strangers', '3'))?.source).toBe(`models:/${modelId}`);
    expect((await versionAt('strangers', '2'))?.tags.has('perennial.key')).toBe(false);
    const survey = await surveyMlflow(deps, {}, frame());
    expect(survey.models).toContain(keyOf('strangers'));
    expect(survey.strangers).toMatchObject([
      { model: nameOf('invented'), kind: 'hand-made', deed: 'left', truth: null },
    ]);
    expect(reconcileResult(false, 1, [{ versions: 1, findings: survey.strangers }]).status).toBe('hand-made changes');
    for (const other of [nameOf('invented'), 'staging.ecommerce_intelligence.other'])
      await call('DELETE', 'registered-models/delete', { name: other });
  });
});

describe('a dry run', () => {
  it('tells the same and touches nothing', async () => {
    await register('dry', 0.78);
    await setVersionTag(mlflow, nameOf('dry'), '1', { key: 'perennial.package', value: 'x' });
    const seen = watch();
    const dry = await reconcile('dry', { dryRun: true, run: 'dry-run' });
    expect(seen.writes).toBe(0);
    const { rows } = await pool.query('select from mlflow_findings where run_id = $1', ['dry-run']);
    expect(rows).toEqual([]);
    expect(told(await reconcile('dry'))).toEqual(told(dry));
  });
});

describe('a kill', () => {
  it('after any request that MLflow has carried out mends the same in the end, and tells the same', async () => {
    await register('killed', 0.78);
    await register('killed', 0.9);
    const before = await shownOf('killed');
    const second = await recorded('killed', 2);
    await setAlias(mlflow, nameOf('killed'), 'champion', '1');
    await updateDescription(mlflow, nameOf('killed'), '1', 'mine');
    await call('DELETE', 'model-versions/delete', { name: nameOf('killed'), version: second.version });
    await call('DELETE', `logged-models/${second.modelId}`, {});
    let deaths = 0;
    let findings: readonly Finding[] | undefined;
    while (findings === undefined) {
      watch(deaths + 1);
      findings = await reconcile('killed', { run: 'killed-run' }).catch((error: unknown) => {
        // A caught kill comes back as the answer that never came.
        if (!String(error instanceof Error && error.message).match(/killed|does not answer/)) throw error;
        deaths += 1;
        return undefined;
      });
    }
    globalThis.fetch = plainFetch;
    expect(deaths).toBeGreaterThanOrEqual(8);
    expect(told(findings)).toEqual([
      'alias champion: hand-made, set back',
      'version 1 description: hand-made, set back',
      'version 2 logged model: hand-made, made again',
      'version 2: hand-made, made again',
    ]);
    expect(await shownOf('killed')).toEqual(before);
    expect(await reconcile('killed')).toEqual([]);
    const found = await shownModel(mlflow, nameOf('killed'));
    expect(found?.versions).toHaveLength(2);
  });
});

describe('an MLflow that lost everything', () => {
  it('shows it all again, and nobody is blamed', async () => {
    const short = ['calm', 'gone', 'alias'];
    const before = await Promise.all(short.map(shownOf));
    await forget();
    expect(await shownModel(mlflow, nameOf('calm'))).toBeUndefined();
    const findings: Finding[] = [];
    for (const model of short) findings.push(...(await reconcile(model)));
    expect(findings.filter(({ kind }) => kind !== 'lost')).toEqual([]);
    const after = await Promise.all(short.map(shownOf));
    // Aliases and tags that people added are gone with the server: they were theirs, not the registry's.
    expect(after.map(({ versions }) => versions.map(({ aliases, ...rest }) => rest))).toEqual(
      before.map(({ versions }) => versions.map(({ aliases, ...rest }) => rest)),
    );
    expect(after[0]?.versions.map(({ aliases }) => aliases)).toEqual([['champion'], []]);
    for (const model of short) expect([model, await reconcile(model)]).toEqual([model, []]);
  });

  const forget = async (): Promise<void> => {
    const { mlflow: place, home } = stack.environment;
    await withConnection(place.postgres, async (client) => {
      const { rows } = await client.query<{ tablename: string }>(
        `select tablename from pg_tables where schemaname = 'public' and tablename not in ('alembic_version', 'workspaces')`,
      );
      await client.query(
        `truncate ${rows.map(({ tablename }) => client.escapeIdentifier(tablename)).join()} restart identity`,
      );
    });
    const folder = join(home, 'mlflow-artifacts');
    for (const entry of await readdir(folder)) await rm(join(folder, entry), { recursive: true });
  };
});
