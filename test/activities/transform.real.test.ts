// Incremental equals full: a lake that took in late files day by day holds the same rows as one that saw everything at once.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ingestOne } from '../../activities/ingest/chunk.ts';
import { discover } from '../../activities/ingest/discover.ts';
import { readChunk } from '../../activities/ingest/manifest.ts';
import { momentsOf, planOf } from '../../activities/plan.ts';
import { buildTable, planBuild } from '../../activities/transform.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import type { Pin } from '../../core/commit.ts';
import type { BuiltTable } from '../../core/plan.ts';
import { useCaseNamed } from '../../core/use-case.ts';
import type { Environment } from '../../environments/environment.ts';
import { useCases } from '../../models/index.ts';
import { openTestLake, type TestLake } from '../support/lake.ts';
import { generateWorld } from '../support/product.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

const useCase = useCaseNamed(useCases, 'ecommerce-intelligence');
const AS_OF = '2019-12-01';
let stack: TestStack;
let folder: string;
let late: string;

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  folder = path.dirname((await generateWorld(stack.environment.home, 60_000)).path);
  late = path.join(folder, 'late.csv');
  writeFileSync(late, lateEvents(folder));
});
afterAll(async () => stack?.stop());

/** Events of a few users that reach the shop months after they happened: new days for some, longer sessions for others. */
const lateEvents = (from: string): string => {
  const day =
    readdirSync(from)
      .filter((name) => name.startsWith('events-'))
      .sort()[70] ?? '';
  const [header = '', ...rows] = readFileSync(path.join(from, day), 'utf8').trim().split('\n');
  const moved = rows
    .slice(0, 40)
    .map((row, i) => row.replace(/:\d\d UTC/, `:${String((i * 7) % 60).padStart(2, '0')} UTC`));
  return `${[header, ...moved].join('\n')}\n`;
};

/** A lake outside the walls, which only the owner can make. */
const elsewhere = (environment: Environment, name: string): Environment => ({
  ...environment,
  postgres: { ...environment.owner, external: false },
  lake: { ...environment.lake, metadataSchema: `lake_${name}`, dataPath: path.join(environment.home, 'lakes', name) },
});

const ingest = async ({ lake }: TestLake, files: string): Promise<void> => {
  const { environment } = stack;
  const artifacts = new FolderArtifacts(environment.artifacts);
  const found = await discover({ lake, artifacts, stage: environment.stage }, useCase, {
    useCase: useCase.name,
    path: files,
    source: 'clickstream',
  });
  for (let i = 0; i < found.chunks; i += 1) {
    const chunk = await readChunk(artifacts, found.manifest, i);
    const source = useCase.sources.find(({ name }) => name === chunk.source);
    if (!source) throw new Error(`no source ${chunk.source}`);
    const about = { knownAt: '2020-01-01T00:00:00Z', lineage: {} };
    await ingestOne({ lake, duckdb: environment.duckdb, stage: environment.stage }, source, chunk, about);
  }
};

/** Each table on a session of its own, as activities do it. */
const buildAll = async (
  environment: Environment,
): Promise<{ built: BuiltTable[]; digests: Record<string, string> }> => {
  const first = await openTestLake(environment);
  const plan = await planOf(first.lake.db, useCase, { useCase: useCase.name, source: 'clickstream', seed: 42 });
  const { moments, pins } = await momentsOf(first.lake, plan, AS_OF);
  await first.close();
  const all: Pin[] = [...pins];
  const built: BuiltTable[] = [];
  const digests: Record<string, string> = {};
  for (const { name } of plan.tables) {
    const open = await openTestLake(environment);
    const build = planBuild(plan, {
      plan: { uri: 'artifact:none', sha256: 'none', bytes: 0 },
      table: name,
      moments,
      pins: all,
    });
    const table = await buildTable(open.lake, build, await open.lake.head(name), {});
    digests[name] = await open.lake.digest(name, table.snapshot);
    await open.close();
    built.push(table);
    all.push({ table: table.table, snapshot: table.snapshot, key: table.key });
  }
  return { built, digests };
};

describe('late files', () => {
  it('bring incremental tables to the very rows of a full rebuild', async () => {
    const daily = elsewhere(stack.environment, 'daily');
    const whole = elsewhere(stack.environment, 'whole');
    const slow = await openTestLake(daily);
    await ingest(slow, path.join(folder, 'events-2019-0*.csv'));
    await ingest(slow, path.join(folder, 'events-2019-1*.csv'));
    await buildAll(daily);
    await ingest(slow, late);
    await slow.close();
    const incremental = await buildAll(daily);

    const fast = await openTestLake(whole);
    await ingest(fast, path.join(folder, '*.csv'));
    await fast.close();
    const full = await buildAll(whole);

    expect(incremental.digests).toEqual(full.digests);
    const touched = incremental.built.filter(({ why }) => why.includes('touched')).map(({ table }) => table);
    expect(touched).toEqual(
      expect.arrayContaining(['silver.events', 'silver.sessions', 'gold.fact_sessions', 'gold.fact_daily_kpis']),
    );
    expect(full.built.every(({ why }) => why === 'first build')).toBe(true);
  });
});
