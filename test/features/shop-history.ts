// A shop's facts in a real lake, told in several deliveries, and training sets drawn from what was known: for tests of the feature store.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  type HistoryBounds,
  historicalFeatures,
  loadAsked,
  wantedOf,
  writeFeatures,
} from '../../activities/feature-history.ts';
import { ingestOne } from '../../activities/ingest/chunk.ts';
import { discover } from '../../activities/ingest/discover.ts';
import { readChunk } from '../../activities/ingest/manifest.ts';
import { momentsOf, planOf } from '../../activities/plan.ts';
import { buildTable, planBuild } from '../../activities/transform.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import type { Pin } from '../../core/commit.ts';
import type { Plan } from '../../core/plan.ts';
import { literal } from '../../core/sql.ts';
import { useCaseNamed } from '../../core/use-case.ts';
import type { Environment } from '../../environments/environment.ts';
import { useCases } from '../../models/index.ts';
import { openTestLake, type TestLake } from '../support/lake.ts';

const useCase = useCaseNamed(useCases, 'ecommerce-intelligence');

export const withOpenLake = async <T>(environment: Environment, work: (open: TestLake) => Promise<T>): Promise<T> => {
  const open = await openTestLake(environment);
  return work(open).finally(open.close);
};

/** Files into the lake, as if they had become known at that time. */
export const ingestInto = (environment: Environment, files: string, knownAt: string): Promise<void> =>
  withOpenLake(environment, async ({ lake }) => {
    const { duckdb, stage, artifacts: folder } = environment;
    const artifacts = new FolderArtifacts(folder);
    const input = { useCase: useCase.name, path: files, source: 'clickstream' };
    const found = await discover({ lake, artifacts, stage }, useCase, input);
    for (let i = 0; i < found.chunks; i += 1) {
      const chunk = await readChunk(artifacts, found.manifest, i);
      const source = useCase.sources.find(({ name }) => name === chunk.source);
      if (source) await ingestOne({ lake, duckdb, stage }, source, chunk, { knownAt, lineage: {} });
    }
  });

export interface BuiltFeatures {
  readonly plan: Plan;
  readonly view: Plan['featureViews'][number];
  readonly snapshot: number;
  readonly cuts: readonly string[];
}

/** The feature table and what it reads, as a run builds them. */
export const buildFeatures = (environment: Environment): Promise<BuiltFeatures> =>
  withOpenLake(environment, async ({ lake }) => {
    const plan = await planOf(lake.db, useCase, { useCase: useCase.name, source: 'clickstream', seed: 42 });
    const { moments, pins } = await momentsOf(lake, plan, '2019-12-01');
    const all: Pin[] = [...pins];
    const wanted = plan.tables.filter(({ name }) =>
      /^(silver\.(invoice_lines|events|sessions)|features\.customer_)/.test(name),
    );
    for (const { name } of wanted) {
      const built = await withOpenLake(environment, async (own) => {
        const request = {
          plan: { uri: 'artifact:none' as const, sha256: 'none', bytes: 0 },
          table: name,
          moments,
          pins: all,
        };
        return buildTable(own.lake, planBuild(plan, request), await own.lake.head(name), {});
      });
      all.push({ table: built.table, snapshot: built.snapshot, key: built.key });
    }
    const [view] = plan.featureViews;
    const snapshot = all.at(-1)?.snapshot ?? 0;
    if (!view) throw new Error('no view');
    const { train, calibrate, test, score } = moments.split;
    return { plan, view, snapshot, cuts: [...train, calibrate, test, score] };
  });

const EVENTS_TABLE = /^events-.*\.csv$/;

/** Events of the most active days again, a minute off and twice the carts: late facts about the past of many. */
export const lateFile = (folder: string): string => {
  const names = readdirSync(folder)
    .filter((name) => EVENTS_TABLE.test(name))
    .sort();
  const rows = names
    .slice(-30, -10)
    .flatMap((name) => readFileSync(path.join(folder, name), 'utf8').trim().split('\n').slice(1));
  const [header = ''] = readFileSync(path.join(folder, names[0] ?? ''), 'utf8').split('\n');
  const moved = rows.map((row) => row.replace(/:\d\d UTC/, ':59 UTC').replace(',view,', ',cart,'));
  const file = path.join(folder, 'late.csv');
  writeFileSync(file, `${[header, ...moved].join('\n')}\n`);
  return file;
};

/** Features of everybody at the given moments as a file; its hash, its rows, and how many of them have a value. */
export const trainingSetOf = (
  environment: Environment,
  { plan, snapshot }: BuiltFeatures,
  moments: readonly string[],
  bounds?: HistoryBounds,
) =>
  withOpenLake(environment, async ({ lake }) => {
    const file = path.join(environment.home, 'training.parquet');
    await lake.db.run(
      `create or replace table memory.main.given as
       select user_id, moment as event_timestamp from (select distinct user_id from lake.silver.events at (version => ${snapshot})),
         (select unnest([${moments.map((moment) => `timestamp ${literal(moment)}`).join(', ')}]) as moment)
       order by md5(user_id::varchar || moment::varchar)`,
    );
    const given = await loadAsked(lake.db, {
      relation: 'memory.main.given',
      entity: 'user_id',
      moment: 'event_timestamp',
    });
    const wanted = wantedOf(plan.featureViews, ['customer_daily:*']);
    const rows = await writeFeatures(lake.db, await historicalFeatures(lake, given, wanted, bounds), file);
    const known = await lake.db.number(`select count(total_events) from read_parquet(${literal(file)})`);
    return { sha256: createHash('sha256').update(readFileSync(file)).digest('hex'), rows, known };
  });
