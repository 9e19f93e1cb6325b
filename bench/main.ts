// `npm run bench -- sql|pipeline|steps|serving [--rows N] [--pairs N]`: claims beside named peers, alternating, medians; prints Markdown.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { generateEvents } from '../activities/generate.ts';
import { DuckDb } from '../adapters/duckdb/session.ts';
import { lightgbmLibrary } from '../adapters/python/venv.ts';
import { splitByTime } from '../core/learning/time-split.ts';
import { useCaseNamed } from '../core/use-case.ts';
import { type Environment, loadEnvironment } from '../environments/environment.ts';
import { useCases } from '../models/index.ts';
import { peersPython } from '../test/support/peers.ts';
import { duel, measured, table } from './measure.ts';
import { bare, durable } from './pipeline.ts';
import { parts, servingBench } from './serving/index.ts';
import { statements } from './statements.ts';
import { emptySteps } from './steps.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '10000000' },
    pairs: { type: 'string', default: '5' },
    entities: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '20' },
    out: { type: 'string' },
    feast: { type: 'string' },
    only: { type: 'string' },
  },
});
const environment = loadEnvironment('dev');
const useCase = useCaseNamed(useCases, 'ecommerce-intelligence');
const quiet = { signal: new AbortController().signal, onProgress: () => undefined };
const TSX = ['--import', 'tsx'];

/** Gigabytes that go when the bench is over. */
const scratch: string[] = [];

/** Events and the scene that both contestants act in. */
const setTheScene = async ({ root, duckdb, venv }: Environment) => {
  const out = mkdtempSync(path.join(tmpdir(), 'perennial-bench-'));
  scratch.push(out);
  const world = path.join(out, 'world');
  const { from } = await generateEvents({ rows: Number(values.rows), seed: 42, out: world, format: 'csv' }, quiet);
  const asOf = '2019-12-01';
  const windows = useCase.windows.clickstream;
  if (!windows) throw new Error('the use case has no clickstream windows');
  const split = splitByTime({ asOf, windows, firstDay: from });
  const db = await DuckDb.open(duckdb);
  const csv = path.join(world, 'events-*.csv');
  const cuts = [...split.train, split.calibrate, split.test, split.score].sort();
  const list = await statements(db, useCase, { csv, out, asOf, cuts, source: 'clickstream' });
  db.close();
  const { threads, memoryLimit } = duckdb;
  const scene = path.join(out, 'scene.json');
  writeFileSync(
    scene,
    JSON.stringify({
      statements: list,
      split,
      out,
      threads,
      memoryLimit,
      library: await lightgbmLibrary(venv),
      seed: 42,
    }),
  );
  return { out, world, csv, scene, root };
};

const benches: Readonly<Record<string, () => Promise<string>>> = {
  async sql() {
    const { scene, root, out } = await setTheScene(environment);
    const python = await peersPython();
    const ours = { name: 'ours', run: () => measured('node', [...TSX, path.join(root, 'bench/ours.ts'), scene], root) };
    const peer = {
      name: 'duckdb-python',
      run: () => measured(python, [path.join(root, 'bench/peer.py'), scene], out),
    };
    return table(await duel(ours, peer, Number(values.pairs)), 'ours', 'DuckDB Python 1.5.5');
  },
  async pipeline() {
    const { csv, scene, root } = await setTheScene(environment);
    const ours = { name: 'durable', run: () => durable(csv) };
    const peer = { name: 'bare', run: () => bare(csv, scene, root) };
    return table(await duel(ours, peer, Number(values.pairs)), 'durable run', 'bare process');
  },
  steps: () => emptySteps(),
  serving: () =>
    servingBench({
      entities: Number(values.entities),
      seconds: Number(values.seconds),
      feast: values.feast,
      only: parts.filter((part) => (values.only ?? parts.join()).split(',').includes(part)),
      out: values.out,
    }),
};

const bench = benches[positionals[0] ?? ''];
if (!bench) throw new Error(`choose one of ${Object.keys(benches).join(', ')}`);
let page: string;
try {
  page = await bench();
} finally {
  for (const folder of scratch) rmSync(folder, { recursive: true, force: true });
}
console.log(positionals[0] === 'serving' ? page : `${page}\n\n${values.rows} rows, ${values.pairs} pairs`);
process.exit(0);
