// All activities of the product over one set of tools; workers register them, workflows know only their types.
import { createAlertActivities } from './alert.ts';
import { createDataTagActivities } from './data-tags.ts';
import type { Deps } from './deps.ts';
import { createFeatureHistoryActivities } from './feature-history.ts';
import { createIngestActivities } from './ingest.ts';
import { createInputActivities } from './input.ts';
import { createJudgeActivities } from './judge.ts';
import { createMaintainActivities } from './maintain.ts';
import { createMaterializeActivities } from './materialize.ts';
import { createPlanActivities } from './plan.ts';
import { createPrecomputeActivities } from './precompute.ts';
import { createPredictionActivities } from './predictions.ts';
import { createPromotionActivities } from './promotion/index.ts';
import { createReconcileActivities } from './reconcile/index.ts';
import { createRefreshActivities } from './refresh.ts';
import { createRegistrationActivities } from './registration.ts';
import { createReportActivities } from './report.ts';
import { createReproduceActivities } from './reproduce/index.ts';
import { createRollbackActivities } from './rollback.ts';
import { createScoreActivities } from './score.ts';
import { createSweepActivities } from './sweep.ts';
import { createTaggedRunActivities } from './tagged-run.ts';
import { createTrainActivities } from './train.ts';
import { createTransformActivities } from './transform.ts';

/** The steps of a run, from files to served features. */
export const createRunActivities = (deps: Deps) => ({
  ...createInputActivities(deps),
  ...createIngestActivities(deps),
  ...createPlanActivities(deps),
  ...createTransformActivities(deps),
  ...createTrainActivities(deps),
  ...createJudgeActivities(deps),
  ...createRegistrationActivities(deps),
  ...createScoreActivities(deps),
  ...createMaterializeActivities(deps),
  ...createPrecomputeActivities(deps),
  ...createReportActivities(deps),
});

export const createActivities = (deps: Deps) => ({
  ...createRunActivities(deps),
  ...createFeatureHistoryActivities(deps),
  ...createRefreshActivities(deps),
  ...createMaintainActivities(deps),
  ...createSweepActivities(deps),
  ...createPromotionActivities(deps),
  ...createReconcileActivities(deps),
  ...createDataTagActivities(deps),
  ...createPredictionActivities(deps),
  ...createReproduceActivities(deps),
  ...createRollbackActivities(deps),
  ...createTaggedRunActivities(deps),
  ...createAlertActivities(deps),
});
