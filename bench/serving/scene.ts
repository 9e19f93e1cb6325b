// The scene of the serving bench: Postgres with 100,000 entities online, a champion of 100 trees × 12 features, and the API as a process.

import { signVersion } from '../../activities/sign.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { Booster } from '../../adapters/lightgbm/booster.ts';
import { Dataset } from '../../adapters/lightgbm/dataset.ts';
import { limitThreads, openLightGbm } from '../../adapters/lightgbm/library.ts';
import { runParams } from '../../adapters/lightgbm/params.ts';
import { exportOnnx } from '../../adapters/onnx/export.ts';
import { openOnnx } from '../../adapters/onnx/session.ts';
import { PostgresOnlineStore } from '../../adapters/postgres/online-store.ts';
import { openPool, withConnection } from '../../adapters/postgres/pool.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { lightgbmLibrary } from '../../adapters/python/venv.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { buildPackage, type Signature } from '../../core/model-package.ts';
import { identifier } from '../../core/sql.ts';
import type { Environment } from '../../environments/environment.ts';
import { evaluation } from '../../test/activities/shop.ts';
import { FEATURE_NAMES, learningRows } from '../../test/support/learning-rows.ts';
import { startTestStack, type TestStack } from '../../test/support/stack.ts';

export const TREES = 100;
export const MODEL = 'propensity';
const REGISTERED = `ecommerce-intelligence/${MODEL}`;
const VIEW = 'features.customer_daily';
const CHUNK = 5_000;
const CALIBRATION = { slope: 1, intercept: 0 };

export interface Scene {
  readonly url: string;
  readonly environment: Environment;
  readonly entities: number;
  readonly features: readonly string[];
  /** LightGBM's model text, for peers that load it themselves. */
  readonly modelText: string;
  /** The features of an entity, in the model's order. */
  row(entity: number): Float64Array;
  /** What ONNX Runtime makes of an entity, computed beside the server. */
  golden(entity: number): number;
  stop(): Promise<void>;
}

export const setScene = async (entities: number): Promise<Scene> => {
  const stack = await startTestStack(['postgres', 'api']);
  try {
    const model = await grow(stack.environment);
    const rows = learningRows(entities, 7).matrix;
    const golden = await goldenOf(model.onnx, rows.values, entities);
    await goOnline(stack, rows.values, entities);
    await settle(stack);
    await crown(stack.environment, model);
    const { url } = stack.environment.api;
    await answers(url);
    return {
      url,
      environment: stack.environment,
      entities,
      features: FEATURE_NAMES,
      modelText: model.text,
      row: (entity) => rowOf(rows.values, entity),
      golden: (entity) => golden[entity] ?? Number.NaN,
      stop: stack.stop,
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
};

const rowOf = (values: Float64Array, entity: number): Float64Array =>
  values.subarray(entity * FEATURE_NAMES.length, (entity + 1) * FEATURE_NAMES.length);

interface Grown {
  readonly text: string;
  readonly onnx: Uint8Array;
}

const grow = async ({ venv }: Environment): Promise<Grown> => {
  const library = openLightGbm(await lightgbmLibrary(venv));
  limitThreads(library, 2);
  const { matrix, binary } = learningRows(20_000, 1);
  const params = runParams(library, { objective: 'binary', learning_rate: 0.1 }, { seed: 42, categoricalColumns: [] });
  const dataset = Dataset.create(library, { matrix, labels: binary, featureNames: FEATURE_NAMES }, params);
  const booster = Booster.train(library, dataset, params);
  for (let round = 0; round < TREES; round += 1) booster.update();
  const grown = { text: booster.save(), onnx: exportOnnx(booster.dump(), { calibration: CALIBRATION }) };
  booster.free();
  dataset.free();
  return grown;
};

const goldenOf = async (onnx: Uint8Array, values: Float64Array, entities: number): Promise<Float64Array> => {
  const session = await openOnnx(onnx, { threads: 2 });
  const { probability } = await session.score(values, entities);
  await session.release();
  return probability;
};

const goOnline = async ({ environment }: TestStack, values: Float64Array, entities: number): Promise<void> => {
  const pool = openPool(environment.postgres, { max: 1, schema: environment.schema });
  const store = new PostgresOnlineStore(pool);
  for (let from = 0; from < entities; from += CHUNK) {
    const chunk = Array.from({ length: Math.min(CHUNK, entities - from) }, (_, at) => ({
      entity: String(from + at),
      values: valuesOf(rowOf(values, from + at)),
      eventTime: '2025-05-01T00:00:00Z',
      knownAt: '2025-05-01T06:00:00Z',
    }));
    await store.upsertBatch(VIEW, chunk);
  }
  await pool.end();
};

/** What loading leaves Postgres to do later is done before anybody measures. */
const settle = ({ environment: { owner, schema } }: TestStack): Promise<void> =>
  withConnection(owner, async (client) => {
    await client.query(`vacuum (analyze) ${identifier(schema)}.online_features`);
    await client.query('checkpoint');
  });

const valuesOf = (row: Float64Array): Record<string, number | null> =>
  Object.fromEntries(FEATURE_NAMES.map((name, at) => [name, Number.isNaN(row[at]) ? null : (row[at] ?? null)]));

const crown = async ({ postgres, schema, artifacts: folder, keys, name }: Environment, model: Grown): Promise<void> => {
  const pool = openPool(postgres, { max: 2, schema });
  const artifacts = new FolderArtifacts(folder);
  const { files, manifestBytes, manifest } = packaged(model);
  for (const bytes of Object.values(files)) await artifacts.put(bytes);
  const { sha256 } = await artifacts.put(manifestBytes);
  const registry = new PostgresRegistry(pool);
  const by = { by: 'bench', why: 'bench' };
  const version = {
    model: REGISTERED,
    key: 'serving-bench',
    packageSha256: sha256,
    metrics: {},
    lineage: {},
    runId: 'bench',
  };
  const made = await registry.registerVersion({ ...version, ...by });
  const signing = { pool, keys: new KeyFolder(keys, name), settings: { name } };
  await signVersion(signing, { ...made, manifest, approver: null, by: 'bench' });
  const to = made.version.version;
  await registry.moveAlias({ model: REGISTERED, alias: 'champion', from: null, to, operation: 'bench', ...by });
  await pool.end();
};

const signature: Signature = {
  format: 'perennial/signature/1',
  entity: 'user_id',
  features: FEATURE_NAMES.map((name) => ({ name, kind: 'numeric', description: name })),
  categories: {},
  output: { name: MODEL, meaning: 'buys within 30 days' },
  calibration: CALIBRATION,
  windows: { observationDays: 92, gapDays: 0, labelDays: 30 },
};

const packaged = ({ text, onnx }: Grown) =>
  buildPackage({
    useCase: 'ecommerce-intelligence',
    model: MODEL,
    onnx,
    nativeText: text,
    signature,
    evaluation,
    card: '# bench',
    lineage: {
      environment: 'dev',
      source: 'clickstream',
      codeVersion: 'bench',
      planHash: 'd'.repeat(64),
      seed: 42,
      asOf: '2025-05-01',
      split: { train: ['2025-01-01'], calibrate: '2025-03-01', test: '2025-04-01', score: '2025-05-01' },
      inputs: [{ table: VIEW, snapshot: 1, key: 'bench' }],
      trainingRows: 20_000,
      learner: { kind: 'lightgbm', rounds: TREES, params: {} },
    },
  });

const ANSWERS_MS = 20_000;

const answers = async (url: string): Promise<void> => {
  const begun = Date.now();
  for (;;) {
    const reply = await fetch(`${url}/predict/${MODEL}/1`);
    const body = await reply.text();
    if (reply.status === 200) return;
    if (Date.now() - begun > ANSWERS_MS) throw new Error(`the model does not answer: ${reply.status} ${body}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
