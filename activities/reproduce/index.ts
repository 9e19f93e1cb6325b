// The steps of making a registered version again, as the workflow calls them. Nothing they do is kept by key or found by one.
import type { Moments } from '../../core/plan.ts';
import type { ReproduceInput, StageCheck } from '../../core/reproduction.ts';
import type { Deps } from '../deps.ts';
import { framed } from '../heartbeat.ts';
import type { TrainedModel } from '../train.ts';
import { repack } from './packing.ts';
import { type Recalled, recall } from './recall.ts';
import { type RebuiltTables, rebuildTables, sweepScratch } from './tables.ts';
import { type Retrained, retrain } from './training.ts';

export const createReproduceActivities = (deps: Deps) => ({
  recallVersion: (input: ReproduceInput): Promise<{ recalled: Recalled; checks: StageCheck[] }> =>
    framed(deps.crash, (frame) => recall(deps, input, frame)),

  rebuildTables: ({ recalled }: { recalled: Recalled }): Promise<RebuiltTables> =>
    framed(deps.crash, (frame) => rebuildTables(deps, recalled, frame)),

  retrainModel: ({ recalled, moments }: { recalled: Recalled; moments: Moments }): Promise<Retrained> =>
    framed(deps.crash, (frame) => retrain(deps, recalled, moments, frame)),

  repackModel: ({
    recalled,
    ...made
  }: {
    recalled: Recalled;
    moments: Moments;
    trained: TrainedModel;
  }): Promise<StageCheck[]> => framed(deps.crash, (frame) => repack(deps, recalled, made, frame)),

  sweepReproduction: ({ recalled }: { recalled: Recalled }): Promise<void> =>
    framed(deps.crash, () => sweepScratch(deps, recalled)),
});
