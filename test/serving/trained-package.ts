// A really trained champion with everybody's features online, for tests of serving that compare answers to the bit.
import type { Pool } from 'pg';
import { signVersion } from '../../activities/sign.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { storePackage } from '../../adapters/artifacts/model-package.ts';
import { Booster } from '../../adapters/lightgbm/booster.ts';
import { Dataset } from '../../adapters/lightgbm/dataset.ts';
import { limitThreads, openLightGbm } from '../../adapters/lightgbm/library.ts';
import { runParams } from '../../adapters/lightgbm/params.ts';
import { exportOnnx } from '../../adapters/onnx/export.ts';
import { PostgresOnlineStore } from '../../adapters/postgres/online-store.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { buildPackage, type ModelParts, type Signature } from '../../core/model-package.ts';
import type { Environment } from '../../environments/environment.ts';
import { CATEGORICAL, FEATURE_NAMES, learningRows } from '../support/learning-rows.ts';
import { lightGbmPath } from '../support/lightgbm.ts';
import { served } from './fakes.ts';
import { partsOf } from './packages.ts';

/** Where partsOf's packages read. */
export const VIEW = 'features.customer_daily';
const WIDTH = FEATURE_NAMES.length;
export const categoryNames = Array.from({ length: 80 }, (_, code) => `category ${code}`);

export const trainedSignature: Signature = {
  format: 'perennial/signature/1',
  entity: 'user_id',
  features: FEATURE_NAMES.map((name, i) => ({
    name,
    kind: CATEGORICAL.includes(i) ? 'categorical' : 'numeric',
    description: name,
  })),
  categories: Object.fromEntries(CATEGORICAL.map((i) => [FEATURE_NAMES[i] ?? '', categoryNames])),
  output: { name: 'propensity', meaning: 'buys' },
  calibration: { slope: 0.9, intercept: -0.2 },
  windows: { observationDays: 92, gapDays: 0, labelDays: 30 },
};

/** LightGBM's text and the ONNX graph of trees grown from seeded rows. */
const grown = ({ trees, seed }: { readonly trees: number; readonly seed: number }) => {
  const library = openLightGbm(lightGbmPath());
  limitThreads(library, 1);
  const data = learningRows(2_000, seed);
  const params = runParams(
    library,
    { objective: 'binary', min_data_in_leaf: 5 },
    { seed, categoricalColumns: CATEGORICAL },
  );
  const input = { matrix: data.matrix, labels: data.binary, featureNames: FEATURE_NAMES };
  const booster = Booster.train(library, Dataset.create(library, input, params), params);
  for (let tree = 0; tree < trees; tree += 1) booster.update();
  const made = {
    onnx: exportOnnx(booster.dump(), { calibration: trainedSignature.calibration }),
    text: booster.save(),
  };
  booster.free();
  return made;
};

/** Trains, packs, registers and signs a version, of a feature view with a version or without, and gives it the alias; returns its number. */
export const promoter =
  (environment: Pick<Environment, 'artifacts' | 'keys'>, pool: Pool) =>
  async (asked: {
    readonly trees: number;
    readonly seed: number;
    readonly features?: NonNullable<ModelParts['lineage']['features']>;
  }): Promise<number> => {
    const { onnx, text } = grown(asked);
    const parts = partsOf(onnx, trainedSignature);
    const lineage = { ...parts.lineage, ...(asked.features && { features: asked.features }) };
    const made = buildPackage({ ...parts, lineage, nativeText: text });
    const { sha256: packageSha256 } = await storePackage(new FolderArtifacts(environment.artifacts), made);
    const registry = new PostgresRegistry(pool);
    const by = { by: 'test', why: 'test' };
    const key = `trees-${asked.trees}-${asked.seed}`;
    const request = { model: served.registered, key, packageSha256, metrics: {}, lineage: {}, runId: 'r', ...by };
    const registered = await registry.registerVersion(request);
    const keys = new KeyFolder(environment.keys, 'dev');
    const signing = { ...registered, manifest: made.manifest, approver: null, by: 'test' };
    await signVersion({ pool, keys, settings: { name: 'dev' } }, signing);
    const to = registered.version.version;
    const from = (await registry.champion(served.registered))?.version ?? null;
    await registry.moveAlias({ model: served.registered, alias: 'champion', from, to, operation: `move-${to}`, ...by });
    return to;
  };

interface Put {
  readonly seed?: number;
  readonly only?: string;
  readonly eventTime?: string;
  readonly view?: string;
  /** As materialising does. */
  readonly moves?: boolean;
}

/** Seeded features of `customer 0`, `customer 1`, … as materialising or, for one of them alone, a push would write them. */
export const putOnline = async (
  pool: Pool,
  count: number,
  { seed = 5, only, eventTime = '2025-05-01T00:00:00Z', view = VIEW, moves = false }: Put = {},
): Promise<void> => {
  const { values } = learningRows(count, seed).matrix;
  const rows = Array.from({ length: count }, (_, row) => ({
    entity: `customer ${row}`,
    values: Object.fromEntries(
      FEATURE_NAMES.map((name, i) => {
        const value = values[row * WIDTH + i] ?? Number.NaN;
        if (Number.isNaN(value)) return [name, null];
        return [name, CATEGORICAL.includes(i) ? (categoryNames[value] ?? null) : value];
      }),
    ),
    eventTime,
    knownAt: eventTime,
  })).filter(({ entity }) => only === undefined || entity === only);
  const store = new PostgresOnlineStore(pool);
  for (let from = 0; from < rows.length; from += 1_000)
    await store.push(view, rows.slice(from, from + 1_000), { moves });
};
