// Answers made ahead: the champion scores everybody who is online, by what the API itself would score one row with, so that an answer looked
// up is the answer computed. What has an answer already is passed over; so a retry goes on where the last chunk was written.

import { loadPackage } from '../adapters/artifacts/model-package.ts';
import { openOnnx } from '../adapters/onnx/session.ts';
import { type PendingRow, PostgresPrecomputed, type PrecomputedSet } from '../adapters/postgres/precomputed.ts';
import { PostgresRegistry, type RegisteredVersion } from '../adapters/postgres/registry.ts';
import { PerennialError } from '../core/errors.ts';
import { onlineName } from '../core/feature-version.ts';
import { inputVector } from '../core/learning/input-vector.ts';
import { openTrees, walkedScore } from '../core/learning/tried-trees.ts';
import type { Deps } from './deps.ts';
import { type Frame, framed } from './heartbeat.ts';
import { readPlan } from './plan.ts';
import { requireSignature } from './sign.ts';
import type { ModelRequest } from './train.ts';

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
  precomputeAnswers: (request: Pick<ModelRequest, 'plan' | 'model'>): Promise<Precomputed> =>
    framed(deps.crash, async (frame) => {
      const { useCase } = await readPlan(deps, request.plan);
      return precompute(deps, `${useCase}/${request.model}`, frame);
    }),
});

/** Answers of the champion for every entity whose online features have none. */
export const precompute = async (
  deps: PrecomputeDeps,
  model: string,
  step: Step,
  chunkRows = CHUNK_ROWS,
): Promise<Precomputed> => {
  const held = await new PostgresRegistry(deps.pool).champion(model);
  if (!held) return { rows: 0, version: null };
  await requireSignature(deps, held);
  const { set, score, release } = await openScorer(deps, held);
  try {
    const answers = new PostgresPrecomputed(deps.pool);
    await answers.open(set);
    let rows = 0;
    let after = '';
    for (;;) {
      step.signal.throwIfAborted();
      const pending = await answers.pending(set, { after, limit: chunkRows });
      if (pending.length === 0) return { rows, version: set.version };
      rows += await answers.write(set, await scored(pending, score));
      deps.crash('after-write');
      after = pending.at(-1)?.entity ?? after;
      step.onProgress({ stage: `answers of ${model} made ahead`, done: rows, total: rows, unit: 'answers' });
    }
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
