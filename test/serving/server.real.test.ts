// The API on real parts: Postgres, the registry, the artifact folder, ONNX Runtime. Promotion swaps it, rot is refused, Postgres may go.
import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signVersion } from '../../activities/sign.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { exportOnnx } from '../../adapters/onnx/export.ts';
import { PostgresOnlineStore } from '../../adapters/postgres/online-store.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { PostgresPredictionLog } from '../../adapters/postgres/prediction-log.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { parseManifest } from '../../core/model-package.ts';
import { hearChanges } from '../../serving/changes.ts';
import { type RunningApi, startApi } from '../../serving/server.ts';
import { stopStack } from '../../workers/stack/index.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { quiet, served, signature } from './fakes.ts';
import { packageOf } from './packages.ts';

const leaf = (leaf_value: number) => ({ leaf_value });
const missing = { default_left: false, missing_type: 'NaN' };

/** Recency ≤ 10 days: `hot`, else −1; the brand zen adds 0.5. */
const dump = (hot: number) => ({
  num_tree_per_iteration: 1,
  average_output: false,
  objective: 'binary sigmoid:1',
  feature_names: ['recency_days', 'preferred_brand'],
  tree_info: [
    {
      tree_structure: {
        split_feature: 0,
        decision_type: '<=',
        threshold: 10,
        ...missing,
        left_child: leaf(hot),
        right_child: leaf(-1),
      },
    },
    {
      tree_structure: {
        split_feature: 1,
        decision_type: '==',
        threshold: '1',
        ...missing,
        left_child: leaf(0.5),
        right_child: leaf(0),
      },
    },
  ],
});
const sigmoid = (raw: number): number => 1 / (1 + Math.exp(-raw));

/** What the test reads of an answer. */
interface Answer {
  readonly version: number;
  readonly probability: number;
  readonly prediction_id: string;
  readonly prediction_log: object;
  readonly models: readonly { readonly version: number | null; readonly refused?: { readonly version: number } }[];
}

describe('startApi', () => {
  let stack: TestStack;
  let pool: Pool;
  let api: RunningApi;
  let keys: KeyFolder;
  beforeAll(async () => {
    stack = await startTestStack(['postgres']);
    const { postgres, schema } = stack.environment;
    pool = openPool(postgres, { max: 4, schema });
    keys = new KeyFolder(stack.environment.keys, 'dev');
    api = await startApi(stack.environment);
  });
  afterAll(async () => {
    await api?.close();
    await pool?.end();
    await stack?.stop();
  });
  const get = async (path: string) => {
    const reply = await fetch(`${api.url}${path}`);
    return { status: reply.status, body: (await reply.json()) as Answer };
  };

  /** Registers a package, spoils it if asked, and gives it the alias. */
  const promote = async (hot: number, { rot = false, signed = true } = {}): Promise<number> => {
    const artifacts = new FolderArtifacts(stack.environment.artifacts);
    const { files, manifestBytes, manifest } = packageOf(exportOnnx(dump(hot), { calibration: signature.calibration }));
    for (const bytes of Object.values(files)) await artifacts.put(bytes);
    const { sha256 } = await artifacts.put(manifestBytes);
    if (rot) await spoil(manifest.files.find(({ path }) => path === 'model.onnx')?.sha256 ?? '');
    const registry = new PostgresRegistry(pool);
    const by = { by: 'test', why: 'test' };
    const made = await registry.registerVersion({
      model: served.registered,
      key: `key-of-${hot}`,
      packageSha256: sha256,
      metrics: {},
      lineage: {},
      runId: 'r',
      ...by,
    });
    const to = made.version.version;
    if (signed)
      await signVersion({ pool, keys, settings: { name: 'dev' } }, { ...made, manifest, approver: null, by: 'test' });
    const from = (await registry.champion(served.registered))?.version ?? null;
    await registry.moveAlias({ model: served.registered, alias: 'champion', from, to, operation: `move-${to}`, ...by });
    return to;
  };
  const spoil = async (hash: string): Promise<void> => {
    const found = (await readdir(stack.environment.artifacts, { recursive: true })).find((path) => path.endsWith(hash));
    await truncate(join(stack.environment.artifacts, found ?? ''), 10);
  };

  it('comes up without a model and says so', async () => {
    expect((await get('/predict/propensity/1')).status).toBe(503);
    expect((await get('/health')).body).toMatchObject({
      status: 'degraded',
      postgres: 'reachable',
      models: [
        { model: 'propensity', version: null },
        { model: 'repurchase', version: null },
      ],
    });
  });

  it('answers by key from the online store once a version is promoted', async () => {
    await new PostgresOnlineStore(pool).upsertBatch('features.customer_daily', [
      {
        entity: '1',
        values: { recency_days: 4, preferred_brand: 'zen' },
        eventTime: '2025-05-01T00:00:00Z',
        knownAt: '2025-05-01T06:00:00Z',
      },
    ]);
    const version = await promote(2);
    await expect
      .poll(async () => (await get('/predict/propensity/1')).body)
      .toMatchObject({
        version,
        probability: expect.closeTo(sigmoid(2.5), 15),
        cold_start: false,
        feature_time: '2025-05-01T00:00:00.000Z',
        known_at: '2025-05-01T06:00:00.000Z',
      });
    expect((await get('/predict/propensity/2')).body).toMatchObject({
      probability: expect.closeTo(sigmoid(-1), 15),
      cold_start: true,
    });
  });

  it('notes every answer under the number it gave', async () => {
    const { prediction_id: id, probability } = (await get('/predict/propensity/1')).body;
    const log = new PostgresPredictionLog(pool);
    await expect
      .poll(() => log.find(id))
      .toMatchObject({
        id,
        probability,
        model: 'propensity',
        entity: '1',
        features: { recency_days: 4, preferred_brand: 'zen' },
      });
    expect((await get('/health')).body.prediction_log).toMatchObject({ dropped: 0 });
  });

  it('forgets a view that was materialised, and everything on a promotion', async () => {
    const forgotten: (string | undefined)[] = [];
    let looks = 0;
    const keeper = {
      look: async () => {
        looks += 1;
      },
    };
    const features = {
      forget: (view?: string) => {
        forgotten.push(view);
      },
    };
    const silence = hearChanges(stack.environment.postgres, { keeper, features, log: quiet });
    const told = (channel: string, notice: string, view: string | undefined) =>
      expect
        .poll(async () => {
          await pool.query('select pg_notify($1, $2)', [channel, notice]);
          return forgotten.includes(view);
        })
        .toBe(true);
    await told('perennial_features', 'features.customer_daily@1234', 'features.customer_daily@1234');
    await told('perennial_features', 'dev/features.other', 'features.other');
    expect(looks).toBe(0);
    await told('perennial_alias', 'dev/ecommerce-intelligence/propensity', undefined);
    expect(looks).toBeGreaterThan(0);
    await silence();
  });

  it('swaps under load without a failed request, refuses rot, and takes the next good one', async () => {
    const answers: { status: number; version: number; probability: number }[] = [];
    let asking = true;
    const load = Array.from({ length: 4 }, async () => {
      while (asking) {
        const { status, body } = await get('/predict/propensity/1');
        answers.push({ status, version: body.version, probability: body.probability });
      }
    });
    const right = new Map([[1, 2]]);
    for (const hot of [3, 4, 5]) {
      const version = await promote(hot, { rot: hot === 4 });
      if (hot !== 4) right.set(version, hot);
      const settled = async () => {
        const [model] = (await get('/health')).body.models;
        return model?.version === version || model?.refused?.version === version;
      };
      await expect.poll(settled).toBe(true);
    }
    asking = false;
    await Promise.all(load);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const wrong = answers.filter(
      ({ version, probability }) =>
        Math.abs(probability - sigmoid((right.get(version) ?? Number.NaN) + 0.5)) > 1e-12 || !right.has(version),
    );
    expect(wrong).toEqual([]);
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(right.keys()));
  });

  it('takes no version that nobody signed, says why, and takes it once somebody of standing did', async () => {
    const version = await promote(6, { signed: false });
    const refusal = async () => (await get('/health')).body.models[0]?.refused;
    await expect.poll(refusal).toMatchObject({ version, reason: /never signed/ });
    expect((await get('/predict/propensity/1')).body.version).toBe(4);
    const registry = new PostgresRegistry(pool);
    const unsigned = await registry.champion(served.registered);
    if (!unsigned) throw new Error('there is a champion');
    const artifacts = new FolderArtifacts(stack.environment.artifacts);
    const manifest = parseManifest(await artifacts.get(unsigned.packageSha256));
    const own = { pool, keys, settings: { name: 'dev' } };
    await signVersion(own, { version: unsigned, manifest, approver: null, by: 'test' });
    const answers = async () => (await get('/health')).body.models[0];
    await expect.poll(answers).toMatchObject({ version, signed_by: keys.signer().keyId });
  });

  it('stays alive without Postgres, with its model in memory, and says what is missing', async () => {
    await stopStack(stack.environment);
    expect(await get('/predict/propensity/1')).toMatchObject({
      status: 200,
      body: { version: 5, stale: true, stale_reason: expect.stringMatching(/online store does not answer/) },
    });
    expect(await get('/predict/propensity/never-asked-for')).toMatchObject({
      status: 503,
      body: { field: 'postgres' },
    });
    expect((await get('/health')).body).toMatchObject({
      status: 'degraded',
      postgres: 'unreachable',
      models: [
        { model: 'propensity', version: 5 },
        { model: 'repurchase', version: null },
      ],
    });
  });
});
