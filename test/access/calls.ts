// The calls of the program behind the cells of the matrix: the lake, the registry, the online store, the reports.
import type pg from 'pg';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { Lake } from '../../adapters/ducklake/lake.ts';
import { PostgresOnlineStore } from '../../adapters/postgres/online-store.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { PostgresPublishedReports } from '../../adapters/postgres/published-reports.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import type { Environment, PostgresPlace } from '../../environments/environment.ts';

export const MODEL = 'shop/seed';
const VIEW = 'features.probe';

const version = (by: string, model: string) => ({
  model,
  key: `key-of-${model}-${by}`,
  packageSha256: 'a'.repeat(64),
  metrics: {},
  lineage: {},
  by,
  why: 'seeded',
  runId: 'run-1',
});

const report = (run: string) => ({
  useCase: 'shop',
  run,
  snapshot: 1,
  artifactSha256: 'a'.repeat(64),
  htmlSha256: 'b'.repeat(64),
});
const feature = (entity: string) => ({
  entity,
  values: { spend: 1 },
  eventTime: '2026-01-01T00:00:00.000Z',
  knownAt: '2026-01-01T00:00:00.000Z',
});

/** What a cell of the program's table does, by the words after the environment's name. */
export const programCalls = (pool: pg.Pool, by: string): Readonly<Record<string, () => Promise<unknown>>> => {
  const registry = new PostgresRegistry(pool);
  const online = new PostgresOnlineStore(pool);
  const reports = new PostgresPublishedReports(pool);
  const alias = `by_${by}`;
  const move = { model: MODEL, alias, from: null, to: 1, by, why: 'tried', operation: alias };
  return {
    champion: () => registry.champion(MODEL),
    versions: () => registry.versions(MODEL),
    events: () => registry.events(MODEL),
    register: () => registry.registerVersion(version(by, `shop/${by}`)),
    'move alias': () => registry.moveAlias(move),
    'note MLflow': () =>
      registry.recordMlflow({ model: MODEL, version: 1, by }, { runId: by, modelId: by, version: '1' }),
    'read features': () => online.read(VIEW, ['a']),
    'write features': () => online.upsertBatch(VIEW, [feature(by)]),
    'read report': () => reports.latest('shop'),
    'publish report': () => reports.record(report(by)),
  };
};

export const poolAs = (place: PostgresPlace, schema: string): pg.Pool => openPool(place, { max: 1, schema });

/** One model with one version, and a lake with one table at snapshot 2 or later, as the environment's own service leaves them. */
export const seed = async (environment: Environment, extensions: Extensions): Promise<number> => {
  const pool = poolAs(environment.postgres, environment.schema);
  await new PostgresRegistry(pool).registerVersion(version('seed', MODEL));
  await pool.end();
  return lakeCalls(environment, environment.postgres, extensions, 'seed').write();
};

export interface Extensions {
  readonly ducklake: string;
  readonly postgres: string;
}

/** What a cell of the lake's table does, on the place of a role. */
export const lakeCalls = (environment: Environment, postgres: PostgresPlace, extensions: Extensions, by: string) => {
  const attached = async <T>(
    readOnly: true | { snapshot: number } | undefined,
    work: (lake: Lake<DuckDb>) => Promise<T>,
  ) => {
    const pool = openPool(postgres, { max: 2 });
    const db = await DuckDb.open({ ...environment.duckdb, threads: 1, extensionsVerified: true });
    try {
      const how = readOnly === undefined ? {} : { readOnly };
      return await work(await Lake.attach({ db, pool, postgres, ...environment.lake, extensions, ...how }));
    } finally {
      db.close();
      await pool.end();
    }
  };
  const count = (lake: Lake<DuckDb>) => lake.db.number('select count(*) from bronze.seed');
  return {
    read: () => attached(true, count),
    'read as it stood': (snapshot: number) => attached({ snapshot }, count),
    write: () =>
      attached(undefined, async (lake) => {
        const staged = await lake.stage(`bronze.${by}`, 'select 1 as n');
        const { file } = staged;
        const writes = [{ table: `bronze.${by}`, files: [file], replace: 'all', expectParent: undefined }] as const;
        const commit = await lake.commit({ key: by, message: 'tried', extra: {}, once: 'head', writes });
        return commit.snapshot;
      }),
  };
};
