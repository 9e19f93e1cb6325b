// Scores every entity at the newest cut with the champion, from its verified package, and commits the scores to gold.
import { DOUBLE, type DuckDBAppender } from '@duckdb/node-api';
import { openOnnx } from '../adapters/onnx/session.ts';
import { PostgresRegistry, type RegisteredVersion } from '../adapters/postgres/registry.ts';
import { type Commit, contentKey } from '../core/commit.ts';
import { parseManifest, parseSignature } from '../core/model-package.ts';
import type { BuiltTable } from '../core/plan.ts';
import { identifier } from '../core/sql.ts';
import type { Deps } from './deps.ts';
import { type Dictionaries, pinOf, readExamples, type Subject, subjectOf, type Tables } from './examples.ts';
import { type Frame, framed } from './heartbeat.ts';
import { commitLog, found, type OpenLake, withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';
import { checkPromise } from './promise.ts';
import { requireSignature } from './sign.ts';
import type { ModelRequest } from './train.ts';

/** Raise when this file scores otherwise from the same inputs. */
const STAGE_VERSION = 1;
/** Rows per call of the runtime. */
const CHUNK_ROWS = 50_000;

export const createScoreActivities = (deps: Deps) => ({
  /** Null where no version is champion yet: nothing may speak in its place. */
  scoreModel: (request: ModelRequest): Promise<BuiltTable | null> =>
    framed(deps.crash, async (frame) => {
      const plan = await readPlan(deps, request.plan);
      const subject = subjectOf(plan, request.model);
      const held = await new PostgresRegistry(deps.pool).champion(`${plan.useCase}/${request.model}`);
      if (!held) return null;
      await requireSignature(deps, held);
      const key = scoreKey(held.packageSha256, subject, request);
      const head = await commitLog(deps).head(subject.model.scores);
      if (head?.key === key) return found(subject.model.scores, head);
      const loaded = await loadPackage(deps, held);
      return withLake(deps, frame.signal, (lake) => scoreAll(lake, subject, request, { loaded, key, head }, frame));
    }),
});

/** A model ready to score: its runtime and what its inputs mean. */
export interface LoadedModel {
  readonly version: number;
  readonly package: string;
  /** Version of the feature view it was trained with, where its package says so. */
  readonly trainedOn?: string;
  readonly dictionaries: Dictionaries;
  readonly score: (matrix: Float64Array, rows: number) => Promise<Float64Array>;
}

const scoreKey = (packageSha256: string, { view }: Subject, { pins, moments }: ModelRequest): string =>
  contentKey({
    stage: 'score',
    version: STAGE_VERSION,
    package: packageSha256,
    features: pinOf(pins, view.table).key,
    cut: moments.split.score,
  });

const scoreAll = async (
  lake: OpenLake,
  subject: Subject,
  request: ModelRequest,
  { loaded, key, head }: { loaded: LoadedModel; key: string; head: Commit | undefined },
  frame: Frame,
): Promise<BuiltTable> => {
  const { model, view } = subject;
  const features = pinOf(request.pins, view.table);
  const cut = request.moments.split.score;
  await lake.pin([features]);
  const rows = await writeScores(lake, subject, cut, loaded, frame);
  const staged = await lake.stage(model.scores, scoresSql(subject, loaded.version));
  await checkPromise(lake.db, promiseOf(subject), staged.file);
  const why = `version ${loaded.version} as of ${cut}${otherFeatures(loaded, view)}`;
  const commit = await lake.commit({
    key,
    once: 'head',
    message: `${model.scores}: ${rows} scores by version ${loaded.version}`,
    writes: [{ table: model.scores, files: [staged.file], replace: 'all', expectParent: head?.key ?? null }],
    extra: {
      lineage: frame.lineage,
      inputs: [features],
      model: { name: model.name, version: loaded.version, package: loaded.package },
      why,
    },
  });
  return { table: model.scores, snapshot: commit.snapshot, key, rows, reused: commit.reused, why };
};

/** A champion goes on after its features were defined anew; whoever reads its scores is told. */
const otherFeatures = ({ trainedOn }: LoadedModel, { name, version }: Subject['view']): string =>
  trainedOn === undefined || version === undefined || trainedOn === version
    ? ''
    : `, trained on ${name}@${trainedOn} and read from ${name}@${version}`;

/** The champion's package, every byte verified against the hash the registry names. */
const loadPackage = async (deps: Deps, held: RegisteredVersion): Promise<LoadedModel> => {
  const manifest = parseManifest(await deps.artifacts.get(held.packageSha256));
  const bytesOf = (name: string) => deps.artifacts.get(manifest.files.find(({ path }) => path === name)?.sha256 ?? '');
  const signature = parseSignature(await bytesOf('signature.json'));
  const session = await openOnnx(await bytesOf('model.onnx'), { threads: deps.settings.duckdb.threads });
  return {
    version: held.version,
    package: held.packageSha256,
    ...(manifest.lineage.features && { trainedOn: manifest.lineage.features.version }),
    dictionaries: signature.categories,
    score: async (matrix, rows) => (await session.score(matrix, rows)).probability,
  };
};

/** Scores chunk by chunk into `memory.main.scored`, in the order in which entities are listed there. */
export const writeScores = async (
  lake: Tables,
  subject: Subject,
  cut: string,
  loaded: Pick<LoadedModel, 'dictionaries' | 'score'>,
  { signal, onProgress }: Pick<Frame, 'signal' | 'onProgress'>,
): Promise<number> => {
  const { model, view } = subject;
  const asked = { cuts: [cut], dictionaries: loaded.dictionaries, extras: [], labelled: false };
  const { values, rows } = await readExamples(lake, subject, asked, onProgress);
  await lake.db.run('create or replace table memory.main.scored (position double, probability double)');
  const appender = await lake.db.connection.createAppender('scored', 'main', 'memory');
  const width = model.features.length;
  for (let from = 0; from < rows; from += CHUNK_ROWS) {
    signal.throwIfAborted();
    const count = Math.min(CHUNK_ROWS, rows - from);
    const scores = await loaded.score(values.subarray(from * width, (from + count) * width), count);
    append(appender, from, scores);
    onProgress({ stage: `score ${model.name}`, done: from + count, total: rows, unit: 'rows' });
  }
  appender.closeSync();
  await lake.db.run(
    `create or replace table memory.main.listed as
     select ${identifier(view.entity)}, as_of, row_number() over (order by ${identifier(view.entity)}) - 1 as position
     from ${view.table} where as_of = timestamp '${cut} 00:00:00'`,
  );
  return rows;
};

const append = (appender: DuckDBAppender, from: number, scores: Float64Array): void => {
  for (let i = 0; i < scores.length; i += 1) {
    appender.appendDouble(from + i);
    appender.appendValue(scores[i] ?? null, DOUBLE);
    appender.endRow();
  }
};

/** Deciles from the likeliest (1) down; ties by entity, so that a score table is a function of its inputs. */
export const scoresSql = ({ view }: Subject, version: number): string => {
  const entity = identifier(view.entity);
  return `select ${entity}, as_of, probability, ntile(10) over (order by probability desc, ${entity})::integer as decile,
    rank() over (order by probability desc)::bigint as rank, ${version}::integer as model_version
  from memory.main.listed join memory.main.scored using (position)`;
};

const promiseOf = ({ model, view }: Subject) => ({
  name: model.scores,
  description: `Scores of ${model.name}`,
  grain: `one row per ${view.entity}`,
  key: [view.entity, 'as_of'],
  laws: [{ name: 'probability in [0, 1]', holds: 'probability between 0 and 1' }],
  sql: '',
});
