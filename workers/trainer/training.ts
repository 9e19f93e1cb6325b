// Training: segment after segment with a checkpoint after each, from the newest checkpoint that fits. For the training child, and for benches.
import { Dataset } from '../../adapters/lightgbm/dataset.ts';
import { type LightGbm, limitThreads, openLightGbm } from '../../adapters/lightgbm/library.ts';
import { type Params, runParams } from '../../adapters/lightgbm/params.ts';
import { trainSegment } from '../../adapters/lightgbm/train.ts';
import { PerennialError } from '../../core/errors.ts';
import { planSegments } from '../../core/learning/segments.ts';
import { type Checkpoint, newestCheckpoint, saveCheckpoint, sha256, writeDurably } from './checkpoint.ts';
import { readInputs, type TrainInputs } from './inputs.ts';
import type { TrainRequest, TrainResult } from './protocol.ts';

interface Run {
  readonly library: LightGbm;
  readonly request: TrainRequest;
  readonly params: Params;
  readonly inputs: TrainInputs;
  readonly tell: Tell;
}

type Tell = (round: number) => Promise<void>;

/** Trains from the newest checkpoint that fits, or from scratch; `tell` hears the rounds grown. */
export const trainModel = async (request: TrainRequest, tell: Tell): Promise<TrainResult> => {
  const library = openLightGbm(request.libraryPath);
  limitThreads(library, request.threads);
  const params = runParams(library, request.params, request);
  const run = { library, request, params, inputs: readInputs(request, params), tell };
  const resumed = await newestCheckpoint(request.checkpointDirectory, run.inputs.fingerprint);
  const last = await grow(run, resumed);
  const modelPath = await writeDurably(request.checkpointDirectory, 'model.txt', last.modelText);
  return { modelPath, sha256: sha256(last.modelText), rounds: last.round, resumedFrom: resumed?.round ?? 0 };
};

/** Trains the segments after the checkpoint. */
const grow = async (run: Run, resumed: Checkpoint | undefined): Promise<Checkpoint> => {
  const { rounds, segmentRounds, seed } = run.request;
  const ahead = planSegments(rounds, segmentRounds, seed).filter(({ start }) => start >= (resumed?.round ?? 0));
  if (resumed !== undefined && (resumed.finished || ahead.length === 0)) return resumed;
  const dataset = Dataset.create(run.library, run.inputs.data, run.params);
  try {
    let last = resumed;
    for (const segment of ahead) {
      last = await growSegment(run, dataset, segment, last);
      await saveCheckpoint(run.request.checkpointDirectory, run.inputs.fingerprint, last);
      if (last.finished) break;
    }
    if (last === undefined) throw new PerennialError('NOTHING_TO_DO', 'No segment was planned');
    return last;
  } finally {
    dataset.free();
  }
};

const growSegment = async (
  { library, request, params, inputs, tell }: Run,
  dataset: Dataset,
  segment: ReturnType<typeof planSegments>[number],
  last: Checkpoint | undefined,
): Promise<Checkpoint> => {
  let round = segment.start;
  const { modelText, finished } = await trainSegment({
    library,
    dataset,
    matrix: inputs.data.matrix,
    params,
    threads: request.threads,
    segment,
    ...(last === undefined ? {} : { earlier: last.modelText }),
    onRound: async (grown) => {
      round = grown;
      await tell(grown);
    },
  });
  return { round, finished, modelText };
};
