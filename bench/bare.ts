// The durable pipeline's peer: the same SQL, training, judging, scoring and online features in one plain process; no catalog, no commits,
// no checks, no registry, no report. Usage: node --import tsx bench/bare.ts <scene.json>; prints seconds by part.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Examples, extra, fitDictionaries, isCategorical, readExamples } from '../activities/examples.ts';
import { materialize } from '../activities/materialize.ts';
import { scoresSql, writeScores } from '../activities/score.ts';
import { writeFiles } from '../activities/train.ts';
import { DuckDb } from '../adapters/duckdb/session.ts';
import { openOnnx } from '../adapters/onnx/session.ts';
import { PostgresOnlineStore } from '../adapters/postgres/online-store.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import { balancedWeights } from '../core/learning/class-weights.ts';
import type { TimeSplit } from '../core/model.ts';
import { useCaseNamed } from '../core/use-case.ts';
import type { Environment } from '../environments/environment.ts';
import { useCases } from '../models/index.ts';
import { judgeModel } from '../workers/trainer/judging.ts';
import { trainModel } from '../workers/trainer/training.ts';
import type { Statement } from './statements.ts';

interface BareScene {
  readonly statements: readonly Statement[];
  readonly split: TimeSplit;
  readonly out: string;
  readonly threads: number;
  readonly memoryLimit: string;
  readonly library: string;
  readonly seed: number;
  /** A Postgres of its own, for the online features. */
  readonly online: Environment['postgres'] & { readonly schema: string };
}

const scene: BareScene = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const { threads, memoryLimit, out, seed, library, split } = scene;
const seconds: Record<string, number> = {};
const timed = async <T>(part: string, work: () => Promise<T>): Promise<T> => {
  const begun = performance.now();
  const result = await work();
  seconds[part] = (seconds[part] ?? 0) + (performance.now() - begun) / 1000;
  return result;
};

// What an earlier round left would spare this one its training.
rmSync(path.join(out, 'checkpoints'), { recursive: true, force: true });

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };
const db = await DuckDb.open({ threads, memoryLimit, tempDirectory: path.join(tmpdir(), 'perennial-bare') });
for (const { sql, part } of scene.statements) await timed(part, () => db.run(sql));

const useCase = useCaseNamed(useCases, 'ecommerce-intelligence');
const model = useCase.models.find(({ name }) => name === 'propensity');
const view = useCase.featureViews.find(({ name }) => name === model?.featureView);
if (!model || !view) throw new Error('the use case has no propensity model');
const subject = { model, view };

const dictionaries = await timed('rows', () => fitDictionaries({ db }, subject, split.train));
const read = (cuts: readonly string[], extras: readonly string[], labelled = true): Promise<Examples> =>
  timed('rows', () => readExamples({ db }, subject, { cuts, dictionaries, extras, labelled }, quiet.onProgress));

const training = await read(split.train, ['l.label']);
const labels = Float32Array.from(extra(training, 0));
const modelPath = await timed('train', async () => {
  const files = await writeFiles(path.join(out, 'train'), {
    matrix: training.values,
    labels,
    weights: balancedWeights(labels),
  });
  const { params, rounds, segmentRounds } = model.learner;
  const job = {
    libraryPath: library,
    matrixPath: files.matrix,
    labelsPath: files.labels,
    weightsPath: files.weights,
    rows: training.rows,
    columns: model.features.length,
    featureNames: [...model.features],
    params: { ...params },
    categoricalColumns: model.features.flatMap((name, i) => (isCategorical(subject, name) ? [i] : [])),
    rounds,
    segmentRounds,
    seed,
    threads,
    checkpointDirectory: path.join(out, 'checkpoints'),
  };
  return (await trainModel(job, async () => undefined)).modelPath;
});

const early = await read([split.calibrate], ['l.label']);
const late = await read([split.test], ['l.label', model.baseline.score]);
const judged = await timed('judge', async () => {
  const calibrate = await writeFiles(path.join(out, 'calibrate'), { matrix: early.values, labels: extra(early, 0) });
  const test = await writeFiles(path.join(out, 'test'), {
    matrix: late.values,
    labels: extra(late, 0),
    baseline: extra(late, 1),
  });
  const features = model.features.map((name) => ({
    name,
    kind: isCategorical(subject, name) ? ('categorical' as const) : ('numeric' as const),
  }));
  const request = {
    libraryPath: library,
    modelPath,
    features,
    baselineName: model.baseline.name,
    seed,
    threads,
    out,
    calibrate: { rows: early.rows, ...calibrate },
    test: { rows: late.rows, cut: split.test, ...test },
  };
  return judgeModel(request, async () => undefined);
});

await timed('score', async () => {
  const session = await openOnnx(readFileSync(judged.onnxPath), { threads });
  const loaded = {
    dictionaries,
    score: async (matrix: Float64Array, rows: number) => (await session.score(matrix, rows)).probability,
  };
  await writeScores({ db }, subject, split.score, loaded, quiet);
  await db.run(`copy (${scoresSql(subject, 1)}) to '${path.join(out, 'scores.parquet')}' (format parquet)`);
});

await timed('online', async () => {
  const pool = openPool(scene.online, { max: 2, schema: scene.online.schema });
  const sides = {
    lake: { db, pin: async () => undefined },
    online: new PostgresOnlineStore(pool),
    crash: () => undefined,
  };
  await materialize(sides, { runKey: 'bare', view, features: view.features, snapshot: 0, asOf: split.score }, quiet);
  await pool.end();
});
db.close();
seconds.total = Object.values(seconds).reduce((a, b) => a + b, 0);
writeFileSync(path.join(out, 'figures.json'), JSON.stringify(judged.evaluation.figures));
console.log(JSON.stringify(seconds));
