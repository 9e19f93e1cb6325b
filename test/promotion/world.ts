// Three environments with small lakes of their own and one trained model in dev: what promotions are tested on. Feature and label tables
// are written straight into the lakes, so that no test waits for an ingestion. Workers run in this process, or where a test wants them.
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Deps } from '../../activities/deps.ts';
import { createActivities } from '../../activities/index.ts';
import { type OpenLake, withLake } from '../../activities/lake-session.ts';
import { planOf } from '../../activities/plan.ts';
import { signVersion } from '../../activities/sign.ts';
import { loadPackage, storePackage } from '../../adapters/artifacts/model-package.ts';
import { PostgresPromotions } from '../../adapters/postgres/promotions.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { canonicalJson, contentKey, type Pin } from '../../core/commit.ts';
import { buildPackage } from '../../core/model-package.ts';
import type { Moments } from '../../core/plan.ts';
import type {
  DecisionInput,
  DecisionReply,
  PromoteInput,
  PromotionResult,
  PromotionView,
} from '../../core/promotion/messages.ts';
import { type Environment, type EnvironmentName, environmentNames, siblingOf } from '../../environments/environment.ts';
import { customerDaily } from '../../models/ecommerce-intelligence/feature-views.ts';
import { ecommerceIntelligence as useCase } from '../../models/ecommerce-intelligence/index.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import { buildDeps } from '../../workers/deps.ts';
import { queues } from '../../workflows/names.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

export const MODEL = 'ecommerce-intelligence/propensity';
const CUTS = { train: ['2019-09-01', '2019-08-22'], calibrate: '2019-10-01', test: '2019-11-01', score: '2019-12-01' };
const MOMENTS: Moments = { asOf: CUTS.score, split: CUTS };
const ROWS = 1_500;

export interface Place {
  readonly environment: Environment;
  readonly deps: Deps;
  readonly registry: PostgresRegistry;
  readonly promotions: PostgresPromotions;
  readonly client: Client;
}

export interface World extends TestStack {
  readonly at: Readonly<Record<EnvironmentName, Place>>;
  readonly native: NativeConnection;
  /** File of the workflows. */
  readonly bundle: string;
  /** Serves an environment in this process until the function it returns is called. */
  host(name: EnvironmentName, changes?: Changes): Promise<() => Promise<void>>;
}

type Activities = ReturnType<typeof createActivities>;

/** What a test puts in the place of the real thing: a tool, or a pause before a step. */
export interface Changes {
  readonly deps?: Partial<Deps>;
  readonly activities?: (real: Activities) => Partial<Activities>;
}

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });

export const startWorld = async (): Promise<World> => {
  const stack = await startTestStack(['postgres', 'temporal', 'mlflow'], {}, { environments: environmentNames });
  const { root, cache, temporal } = stack.environment;
  const connection = await Connection.connect({ address: temporal.address });
  const native = await NativeConnection.connect({ address: temporal.address });
  const place = async (name: EnvironmentName): Promise<Place> => {
    const environment = siblingOf(stack.environment, name);
    const deps = await buildDeps(environment);
    return {
      environment,
      deps,
      registry: new PostgresRegistry(deps.pool),
      promotions: new PostgresPromotions(deps.pool),
      client: new Client({ connection, namespace: environment.temporal.namespace }),
    };
  };
  const at = { dev: await place('dev'), staging: await place('staging'), prod: await place('prod') };
  const bundle = (await workflowBundle(root, cache)).codePath;
  return {
    ...stack,
    at,
    native,
    bundle,
    host: (name, changes = {}) => hostWorkers(at[name], native, bundle, changes),
    stop: async () => {
      for (const { deps } of Object.values(at)) {
        await deps.lower?.close();
        await deps.pool.end();
      }
      await native.close();
      await connection.close();
      await stack.stop();
    },
  };
};

const hostWorkers = async (
  { environment, deps }: Place,
  connection: NativeConnection,
  bundle: string,
  changes: Changes,
): Promise<() => Promise<void>> => {
  const real = createActivities({ ...deps, ...changes.deps });
  const shared = {
    connection,
    namespace: environment.temporal.namespace,
    activities: { ...real, ...changes.activities?.(real) },
    maxHeartbeatThrottleInterval: '1s',
  } as const;
  const light = await Worker.create({ ...shared, taskQueue: queues.light, workflowBundle: { codePath: bundle } });
  const compute = await Worker.create({ ...shared, taskQueue: queues.compute, maxConcurrentActivityTaskExecutions: 1 });
  const running = Promise.all([light.run(), compute.run()]);
  return async () => {
    for (const worker of [light, compute]) worker.shutdown();
    await running;
  };
};

/** Features and labels of 1 500 customers at every cut, drawn from `salt`; another salt is other data. Inverted, the model is worse than chance. */
export const fillLake = async ({ deps }: Place, salt: string, { inverted = false } = {}): Promise<readonly Pin[]> =>
  withLake(deps, new AbortController().signal, async (lake) => {
    const key = contentKey({ salt, inverted });
    await commitTable(lake, 'features.customer_daily', featuresSql(salt), key);
    await lake.pin([
      { table: 'features.customer_daily', snapshot: (await headOf(lake, 'features.customer_daily')).snapshot },
    ]);
    await commitTable(lake, 'features.purchase_label', labelsSql(salt, inverted), key);
    return [await headOf(lake, 'features.customer_daily'), await headOf(lake, 'features.purchase_label')];
  });

type Seeded = 'features.customer_daily' | 'features.purchase_label';

const headOf = async (lake: OpenLake, table: Seeded): Promise<Pin> => {
  const head = await lake.head(table);
  if (!head) throw new Error(`${table} was not committed`);
  return { table, snapshot: head.snapshot, key: head.key };
};

const commitTable = async (lake: OpenLake, table: Seeded, sql: string, salt: string): Promise<void> => {
  const head = await lake.head(table);
  const staged = await lake.stage(table, sql);
  const key = contentKey({ table, salt });
  const writes = [{ table, files: [staged.file], replace: 'all' as const, expectParent: head?.key ?? null }];
  await lake.commit({ key, once: 'head', message: table, writes, extra: { lineage: {}, inputs: [], why: 'seeded' } });
};

const featuresSql = (salt: string): string => {
  const draw = (name: string) => `(hash(user_id || '${salt}' || as_of::varchar || '${name}') % 1000)`;
  const columns = customerDaily.features.map(({ name, kind }) =>
    kind === 'numeric' ? `${draw(name)}::double as ${name}` : `'c' || ${draw(name)} % 5 as ${name}`,
  );
  const cuts = [...CUTS.train, CUTS.calibrate, CUTS.test, CUTS.score].map((cut) => `timestamp '${cut}'`);
  return `select user_id, as_of, ${columns.join(', ')}
    from (select unnest(range(${ROWS})) as user_id), (select unnest([${cuts.join(', ')}]) as as_of)`;
};

const labelsSql = (salt: string, inverted: boolean): string => {
  const likely = '(views + sessions) / 2000.0';
  return `select user_id, as_of,
      ((hash(user_id || '${salt}' || as_of::varchar || 'label') % 1000) / 1000.0 < ${inverted ? `1 - ${likely}` : likely})::integer as label
    from features.customer_daily where as_of <= timestamp '${CUTS.test}'`;
};

/** Trains one model in dev by the real workflow; it becomes version 1 and champion there. */
export const trainFirst = async ({ at, host }: World, pins: readonly Pin[]): Promise<void> => {
  const { deps, client } = at.dev;
  const plan = await withLake(deps, new AbortController().signal, (lake) =>
    planOf(lake.db, useCase, { useCase: useCase.name, source: 'clickstream', seed: 42 }),
  );
  const ref = await deps.artifacts.put(Buffer.from(canonicalJson(plan)));
  const brief = { plan: ref, useCase: useCase.name, tables: [], models: ['propensity'] };
  const stop = await host('dev');
  const args = [{ brief, model: 'propensity', moments: MOMENTS, pins }];
  await client.workflow.execute('train', { workflowId: 'train/first', taskQueue: queues.light, args });
  await stop();
};

/** Another version in dev: the same model under another card, so another package. Cheap enough to have many. */
export const variant = async ({ at: { dev } }: World, name: string): Promise<number> => {
  const [first] = (await dev.registry.versions(MODEL)).toReversed();
  const { manifest, signature, evaluation, files } = await loadPackage(dev.deps.artifacts, first?.packageSha256 ?? '');
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const built = buildPackage({
    useCase: manifest.useCase,
    model: manifest.model,
    lineage: manifest.lineage,
    onnx: files['model.onnx'],
    nativeText: text(files['model.txt']),
    card: `${text(files['card.md'])}\n${name}\n`,
    signature,
    evaluation,
  });
  const { sha256 } = await storePackage(dev.deps.artifacts, built);
  const { version } = await dev.registry.registerVersion({
    model: MODEL,
    key: contentKey({ variant: name }),
    packageSha256: sha256,
    metrics: {},
    lineage: { ...manifest.lineage },
    by: 'test',
    why: name,
    runId: name,
  });
  await signVersion(dev.deps, { version, manifest: built.manifest, approver: null, by: 'test' });
  return version.version;
};

export const startPromotion = ({ client }: Place, workflowId: string, input: PromoteInput) =>
  client.workflow.start<(given: PromoteInput) => Promise<PromotionResult>>('promote', {
    workflowId,
    taskQueue: queues.light,
    args: [{ useCase: 'ecommerce-intelligence', model: 'propensity', ...input }],
  });

type Handle = Awaited<ReturnType<typeof startPromotion>>;

export const promotion = (handle: Handle): Promise<PromotionView> => handle.query<PromotionView, []>('promotion');

export const decide = (handle: Handle, verdict: 'approve' | 'reject', given: DecisionInput & Record<string, unknown>) =>
  handle.executeUpdate<DecisionReply, [DecisionInput]>(verdict, { args: [given] });

/** Resolves once the promotion waits for people. */
export const untilWaiting = async (handle: Handle): Promise<PromotionView> =>
  until(async () => {
    const view = await promotion(handle);
    return view.state === 'waiting' && view.openedAt !== null ? view : undefined;
  });

/** Polls until there is something; a test's own time limit ends it. */
export const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((next) => setTimeout(next, 50));
  }
};
