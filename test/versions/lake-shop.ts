// A small shop on a lake of its own, driven by the very functions that activities are made of: what the tests of data versions share.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Ingested, ingestOne } from '../../activities/ingest/chunk.ts';
import { discover } from '../../activities/ingest/discover.ts';
import { readChunk } from '../../activities/ingest/manifest.ts';
import { momentsOf, planOf } from '../../activities/plan.ts';
import { buildTable, planBuild } from '../../activities/transform.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import type { Pin } from '../../core/commit.ts';
import type { PlannedTable } from '../../core/plan.ts';
import type { TableName } from '../../core/table.ts';
import { useCaseNamed } from '../../core/use-case.ts';
import type { Environment } from '../../environments/environment.ts';
import { useCases } from '../../models/index.ts';
import { openTestLake, type TestLake } from '../support/lake.ts';

export const useCase = useCaseNamed(useCases, 'ecommerce-intelligence');
const AS_OF = '2019-12-01';
/** A table by day, and what it is made from. */
const WANTED: readonly TableName[] = ['gold.fact_daily_kpis'];

const neededBy = (tables: readonly PlannedTable[]): readonly PlannedTable[] => {
  const names = new Set<TableName>(WANTED);
  for (const { name, inputs } of tables.toReversed()) if (names.has(name)) for (const input of inputs) names.add(input);
  return tables.filter(({ name }) => names.has(name));
};

export interface Shop {
  readonly environment: Environment;
  /** Ingests a glob; what each chunk brought. */
  ingest(files: string): Promise<readonly Ingested[]>;
  /** Builds the tables whose key has moved; names of those it built. */
  build(): Promise<readonly string[]>;
  digests(): Promise<Readonly<Record<string, string>>>;
  withLake<T>(work: (open: TestLake) => Promise<T>): Promise<T>;
}

export const openLakeShop = (environment: Environment): Shop => {
  const withLake = async <T>(work: (open: TestLake) => Promise<T>): Promise<T> => {
    const open = await openTestLake(environment);
    try {
      return await work(open);
    } finally {
      await open.close();
    }
  };
  return {
    environment,
    withLake,
    ingest: (files) => withLake((open) => ingest(environment, open, files)),
    build: () => build(withLake),
    digests: () =>
      withLake(async ({ lake }) => {
        const heads = await lake.commits.heads();
        const found = heads.map(async ({ table, snapshot }) => [table, await lake.digest(table, snapshot)] as const);
        return Object.fromEntries(await Promise.all(found));
      }),
  };
};

const ingest = async (environment: Environment, { lake }: TestLake, files: string): Promise<Ingested[]> => {
  const artifacts = new FolderArtifacts(environment.artifacts);
  const found = await discover({ lake, artifacts, stage: environment.stage }, useCase, {
    useCase: useCase.name,
    path: files,
    source: 'clickstream',
  });
  const brought: Ingested[] = [];
  for (let i = 0; i < found.chunks; i += 1) {
    const chunk = await readChunk(artifacts, found.manifest, i);
    const source = useCase.sources.find(({ name }) => name === chunk.source);
    if (!source) throw new Error(`no source ${chunk.source}`);
    const about = { knownAt: '2020-01-01T00:00:00Z', lineage: {} };
    brought.push(await ingestOne({ lake, duckdb: environment.duckdb, stage: environment.stage }, source, chunk, about));
  }
  return brought;
};

const build = async (withLake: Shop['withLake']): Promise<string[]> => {
  const { plan, moments, pins } = await withLake(async ({ lake }) => {
    const all = await planOf(lake.db, useCase, { useCase: useCase.name, source: 'clickstream', seed: 42 });
    const some = { ...all, tables: neededBy(all.tables) };
    return { plan: some, ...(await momentsOf(lake, some, AS_OF)) };
  });
  const known: Pin[] = [...pins];
  const built: string[] = [];
  for (const { name } of plan.tables) {
    const request = {
      plan: { uri: 'artifact:none', sha256: 'none', bytes: 0 },
      table: name,
      moments,
      pins: known,
    } as const;
    const work = planBuild(plan, request);
    await withLake(async ({ lake }) => {
      const head = await lake.head(name);
      const made = head?.key === work.key ? head : await buildTable(lake, work, head, {});
      if (made !== head) built.push(name);
      known.push({ table: name, snapshot: made.snapshot, key: made.key });
    });
  }
  return built;
};

/** A day's file again, some of its rows changed: the same name with other bytes is a new version. */
export const correctedDay = (folder: string, day: number, into: string): string => {
  const name =
    readdirSync(folder)
      .filter((file) => file.startsWith('events-'))
      .sort()[day] ?? '';
  const [header = '', ...rows] = readFileSync(path.join(folder, name), 'utf8').trim().split('\n');
  writeFileSync(path.join(into, name), `${[header, ...rows.slice(0, Math.ceil(rows.length / 2))].join('\n')}\n`);
  return name;
};
