// Answers made ahead: the champion scores the entities that are asked for most, by what the API itself would score one row with, so that an
// answer looked up is the answer computed. What has an answer already is passed over; so a retry goes on where the last chunk was written.

import { loadPackage } from '../adapters/artifacts/model-package.ts';
import { openOnnx } from '../adapters/onnx/session.ts';
import { type PendingRow, PostgresPrecomputed, type PrecomputedSet } from '../adapters/postgres/precomputed.ts';
import { PostgresRegistry, type RegisteredVersion } from '../adapters/postgres/registry.ts';
import { PerennialError } from '../core/errors.ts';
import { onlineName } from '../core/feature-version.ts';
import { inputVector } from '../core/learning/input-vector.ts';
import { openTrees, walkedScore } from '../core/learning/tried-trees.ts';
import type { BuiltTable } from '../core/plan.ts';
import { chosenEntities } from './chosen-entities.ts';
import type { Deps } from './deps.ts';
import { subjectOf } from './examples.ts';
import { type Frame, framed } from './heartbeat.ts';
import { withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';
import { requireSignature } from './sign.ts';
import type { ModelRequest } from './train.ts';

export interface PrecomputeRequest extends Pick<ModelRequest, 'plan' | 'model'> {
  /** The champion's; null where nothing was scored. */
  readonly scores: Pick<BuiltTable, 'table' | 'snapshot'> | null;
}

export interface Precomputed {
  /** Answers that this attempt wrote. */
  readonly rows: number;
  /** Null where no version is champion yet. */
  readonly version: number | null;
}

type PrecomputeDeps = Pick<Deps, 'pool' | 'artifacts' | 'keys' | 'crash'> & {
  readonly settings: Pick<Deps['settings'], 'name'>;
};
type Step = Pick<Frame, 'signal' | 'onProgress'>;

/** Small: each is time in which a worker beats no heart. */
const CHUNK_ROWS = 2_000;

export const createPrecomputeActivities = (deps: Deps) => ({
  precomputeAnswers: ({ plan, model, scores }: PrecomputeRequest): Promise<Precomputed> =>
    framed(deps.crash, async (frame) => {
      const planned = await readPlan(deps, plan);
      const { useCase } = planned;
      const { entity } = subjectOf(planned, model).view;
      const entities = await withLake(deps, frame.signal, (lake) =>
        chosenEntities(lake, { useCase, model, entity, scores }),
      );
      return precompute(deps, { model: `${useCase}/${model}`, entities }, frame);
    }),
});

export interface Wanted {
  /** As it is registered. */
  readonly model: string;
  /** Those whose features are online, and did not expire, get an answer. */
  readonly entities: readonly string[];
  readonly chunkRows?: number;
}

/** Answers of the champion for the entities whose online features have none; what it once said of others is dropped. */
export const precompute = async (deps: PrecomputeDeps, wanted: Wanted, step: Step): Promise<Precomputed> => {
  const { model, entities, chunkRows = CHUNK_ROWS } = wanted;
  const held = await new PostgresRegistry(deps.pool).champion(model);
  if (!held) return { rows: 0, version: null };
  await requireSignature(deps, held);
  const { set, score, release } = await openScorer(deps, held);
  try {
    const answers = new PostgresPrecomputed(deps.pool);
    step.signal.throwIfAborted();
    await answers.open(set, entities);
    let rows = 0;
    for (let from = 0; from < entities.length; from += chunkRows) {
      step.signal.throwIfAborted();
      const pending = await answers.pending(set, entities.slice(from, from + chunkRows));
      if (pending.length === 0) continue;
      rows += await answers.write(set, await scored(pending, score));
      deps.crash('after-write');
      const done = Math.min(from + chunkRows, entities.length);
      step.onProgress({ stage: `answers of ${model} made ahead`, done, total: entities.length, unit: 'entities' });
    }
    return { rows, version: set.version };
  } finally {
    await release();
  }
};

type Score = (values: PendingRow['values']) => number | Promise<number>;

const scored = async (pending: readonly PendingRow[], score: Score) => {
  const answers: { entity: string; probability: number; mark: PendingRow['mark'] }[] = [];
  for (const { entity, values, mark } of pending) {
    const probability = await score(values);
    if (!(probability >= 0 && probability <= 1))
      throw new PerennialError('LAW_BROKEN', 'The model answered no probability', {
        field: entity,
        value: String(probability),
      });
    answers.push({ entity, probability, mark });
  }
  return answers;
};

/** What scores a single row of a version: its trees or, where they cannot be read, its graph, row by row, as the API does. */
const openScorer = async (
  { artifacts }: PrecomputeDeps,
  { model, version, packageSha256 }: RegisteredVersion,
): Promise<{ set: PrecomputedSet; score: Score; release: () => Promise<void> }> => {
  const { files, manifest, signature } = await loadPackage(artifacts, packageSha256);
  const { inputs, features } = manifest.lineage;
  const view = onlineName({ table: inputs[0]?.table ?? '', version: features?.version });
  const set = { model, version, packageSha256, view, features: signature.features.map(({ name }) => name) };
  const vector = inputVector(signature);
  const session = await openOnnx(files['model.onnx'], { threads: 1 });
  const text = Buffer.from(files['model.txt']).toString('utf8');
  const trees = await openTrees(text, session, vector.width, [vector.row({})]);
  const byGraph: Score = async (values) => (await session.score(vector.row(values), 1)).probability[0] ?? Number.NaN;
  const score = 'model' in trees ? walkedScore(signature, vector, trees.model) : byGraph;
  return { set, score, release: () => session.release() };
};
