// One run whose worker is killed with SIGKILL at every labelled point of every activity, in turn. It completes by itself, and nothing it
// leaves behind differs from what an undisturbed run leaves.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deps } from '../../activities/deps.ts';
import { createRunActivities } from '../../activities/index.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { parseManifest } from '../../core/model-package.ts';
import type { RunInput, RunSummary } from '../../core/run.ts';
import { generateWorld, type Product, startProduct, type World } from '../support/product.ts';

const ROWS = 200_000;
/** Points at which nothing is written yet or any more: every activity has the outer two; those that write have the middle one. */
const WRITERS = [
  'buildTable',
  'ingestChunk',
  'trainModel',
  'judgeModel',
  'registerModel',
  'scoreModel',
  'materializeFeatures',
  'precomputeAnswers',
  'reportRun',
];

let calm: Product;
let stormy: Product;
let crashes: string;
let world: World;
const found: { calm?: RunSummary; stormy?: RunSummary } = {};

beforeAll(async () => {
  crashes = mkdtempSync(path.join(tmpdir(), 'perennial-crashes-'));
  calm = await startProduct();
  world = await generateWorld(calm.environment.home, ROWS);
  found.calm = await calm.run('calm', input(world));
  stormy = await startProduct({ PERENNIAL_CRASH_FOLDER: crashes });
  found.stormy = await stormy.run('stormy', { ...input(world), lostAfterSeconds: 4 });
}, 900_000);
afterAll(async () => {
  await calm?.stop();
  await stormy?.stop();
  rmSync(crashes, { recursive: true, force: true });
});

const input = ({ path: files, truth }: World): RunInput => ({
  useCase: 'ecommerce-intelligence',
  path: files,
  source: 'clickstream',
  truth,
  knownAt: '2019-12-02T00:00:00.000Z',
});

describe('a run killed at every point', () => {
  it('was killed at every point: a fault that never fired proves nothing', () => {
    const names = Object.keys(createRunActivities({ settings: {}, useCases: [] } as unknown as Deps));
    const points = names.flatMap((name) => [`${name}.before-write`, `${name}.after-commit`]);
    const expected = [...points, ...WRITERS.map((name) => `${name}.after-write`)].sort();
    expect(readdirSync(crashes).sort()).toEqual(expected);
  });

  it('accounts for the same rows', () => {
    const { calm: a, stormy: b } = found;
    expect(b?.ingest).toEqual(a?.ingest);
    expect(b?.ingest).toMatchObject({ rowsIn: world.rows, loaded: world.rows, quarantined: 0 });
    expect(b?.scored).toBe(a?.scored);
  });

  it('leaves the same rows in every table', async () => {
    const expected = await calm.digests();
    expect(Object.keys(expected).length).toBeGreaterThan(15);
    expect(await stormy.digests()).toEqual(expected);
  });

  it('trains the same model, bit for bit, and registers it once', async () => {
    const files = async ({ environment }: Product, summary?: RunSummary) => {
      const artifacts = new FolderArtifacts(environment.artifacts);
      const manifest = parseManifest(await artifacts.get(summary?.models[0]?.package.sha256 ?? ''));
      return Object.fromEntries(
        manifest.files
          .filter(({ path: name }) => name.startsWith('model.'))
          .map(({ path: name, sha256 }) => [name, sha256]),
      );
    };
    expect(await files(stormy, found.stormy)).toEqual(await files(calm, found.calm));
    const pool = openPool(stormy.environment.postgres, { max: 1 });
    const { rows } = await pool.query(
      'select count(*)::int as versions, min(version)::int as first from dev.model_versions',
    );
    const shown = await fetch(`${stormy.environment.mlflow.url}/api/2.0/mlflow/model-versions/search`);
    const { model_versions: versions } = (await shown.json()) as { model_versions: unknown[] };
    await pool.end();
    expect(rows).toEqual([{ versions: 1, first: 1 }]);
    expect(versions.length).toBe(1);
  });

  it('retried: every kill cost an attempt', async () => {
    const handle = stormy.client.workflow.getHandle('stormy/transform');
    const history = await handle.fetchHistory();
    const attempts = (history.events ?? []).map((event) => event.activityTaskStartedEventAttributes?.attempt ?? 0);
    expect(Math.max(...attempts)).toBeGreaterThanOrEqual(4);
  });
});
