// What one environment holds, read with a reader's account: tables, features at their newest cut, champions. For `perennial diff`.
import { FolderArtifacts } from '../adapters/artifacts/folder.ts';
import { type LoadedPackage, loadPackage } from '../adapters/artifacts/model-package.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import { PostgresRegistry, type RegisteredVersion } from '../adapters/postgres/registry.ts';
import type { ChampionFacts, EnvironmentFacts, TableFacts } from '../core/environment-diff/index.ts';
import type { FeatureProfile } from '../core/environment-diff/profiles.ts';
import { PerennialError } from '../core/errors.ts';
import type { FeatureView } from '../core/feature-view.ts';
import { literal, qualified, type SqlSession } from '../core/sql.ts';
import type { Environment } from '../environments/environment.ts';
import { useCases } from '../models/index.ts';
import { binsOf, type FeatureBins, openCut, profilesOf } from './feature-profiles.ts';
import { type Reader, type ReadOnlyLake, withReadOnlyLake } from './lake.ts';

export interface Champion {
  readonly facts: ChampionFacts;
  readonly loaded: LoadedPackage;
}

export interface Side {
  readonly environment: Environment;
  readonly facts: EnvironmentFacts;
  readonly champions: ReadonlyMap<string, Champion>;
  /** Bins of its features, for the other side to use. */
  readonly bins: FeatureBins;
}

/** Reads one side; in the other's bins where they are given. A lake that is absent or closed is said, not thrown. */
export const readSide = async (environment: Environment, reader: Reader, bins?: FeatureBins): Promise<Side> => {
  const champions = await championsOf(environment, reader);
  const named = [...champions.values()].map(({ facts }) => facts);
  const side = (
    facts: Pick<EnvironmentFacts, 'silent' | 'tables' | 'features'>,
    own: FeatureBins = new Map(),
  ): Side => ({
    environment,
    champions,
    facts: { name: environment.name, champions: named, ...facts },
    bins: own,
  });
  const silent = (why: string) => side({ silent: why, tables: [], features: [] });
  if (!(await hasCatalog(environment, reader))) return silent('its lake is empty');
  const read = async (lake: ReadOnlyLake) => {
    const tables = await tablesOf(lake);
    const { features, own } = await featuresOf(lake, tables, bins);
    return side({ silent: null, tables, features }, own);
  };
  return withReadOnlyLake(environment, undefined, read, reader).catch((error: unknown) => {
    if (error instanceof PerennialError && error.code === 'FORBIDDEN') return silent(error.message);
    throw error;
  });
};

const hasCatalog = async (environment: Environment, reader: Reader): Promise<boolean> => {
  const pool = openPool(environment[reader], { max: 1 });
  try {
    const { rows } = await pool.query(
      `select from pg_tables where schemaname = $1 and tablename = 'ducklake_snapshot'`,
      [environment.lake.metadataSchema],
    );
    return rows.length > 0;
  } finally {
    await pool.end();
  }
};

const featuresOf = async (lake: ReadOnlyLake, tables: readonly TableFacts[], bins: FeatureBins | undefined) => {
  const filled = new Set(tables.filter(({ rows }) => rows > 0).map(({ table }) => table));
  const features: FeatureProfile[] = [];
  const own = new Map(bins);
  for (const view of useCases.flatMap(({ featureViews }) => featureViews)) {
    if (!filled.has(view.table)) continue;
    const rows = await openCut(lake.db, view);
    if (bins === undefined) for (const [name, found] of await binsOf(lake.db, rows)) own.set(name, found);
    features.push(...(await profilesOf(lake.db, rows, own)));
  }
  return { features, own };
};

const championsOf = async (environment: Environment, reader: Reader): Promise<Map<string, Champion>> => {
  const pool = openPool(environment[reader], { max: 2, schema: environment.schema });
  const artifacts = new FolderArtifacts(environment.artifacts);
  const found = new Map<string, Champion>();
  try {
    const registry = new PostgresRegistry(pool);
    for (const { name: useCase, models } of useCases) {
      for (const { name } of models) {
        const held = await registry.champion(`${useCase}/${name}`);
        if (!held) continue;
        const loaded = await loadPackage(artifacts, held.packageSha256);
        found.set(held.model, { facts: championFacts(held, loaded), loaded });
      }
    }
    return found;
  } finally {
    await pool.end();
  }
};

const championFacts = (held: RegisteredVersion, { manifest, signature }: LoadedPackage): ChampionFacts => ({
  model: held.model,
  version: held.version,
  package: held.packageSha256,
  asOf: manifest.lineage.asOf,
  features: signature.features.map(({ name }) => name),
  metrics: Object.fromEntries(
    Object.entries(held.metrics).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  ),
});

const tablesOf = async (lake: ReadOnlyLake): Promise<TableFacts[]> => {
  const described = await lake.db.rows(
    `select schema_name || '.' || table_name as table, column_name as name, data_type as type from duckdb_columns()
     where database_name = 'lake' order by column_index`,
  );
  const heads = (await lake.commits.heads()).filter((head) => described.some(({ table }) => table === head.table));
  if (heads.length === 0) return [];
  const counted = await lake.db.rows(
    heads
      .map(({ table }) => `select ${literal(table)} as table, count(*)::double as rows from ${qualified(table)}`)
      .join(' union all '),
  );
  return heads.map(({ table, key }) => ({
    table,
    key,
    rows: Number(counted.find((row) => row.table === table)?.rows ?? 0),
    columns: Object.fromEntries(
      described.filter((row) => row.table === table).map(({ name, type }) => [String(name), String(type)]),
    ),
  }));
};

export const newestCut = async (db: SqlSession, { table }: Pick<FeatureView, 'table'>): Promise<string> => {
  const [row] = await db.rows(`select max(as_of)::date::varchar as cut from ${qualified(table)}`);
  return String(row?.cut);
};
