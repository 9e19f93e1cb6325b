// All activities of the product over one set of tools; workers register them, workflows know only their types.
import type { Deps } from './deps.ts';
import { createIngestActivities } from './ingest.ts';
import { createInputActivities } from './input.ts';
import { createJudgeActivities } from './judge.ts';
import { createMaterializeActivities } from './materialize.ts';
import { createPlanActivities } from './plan.ts';
import { createRegistrationActivities } from './registration.ts';
import { createReportActivities } from './report.ts';
import { createScoreActivities } from './score.ts';
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
  ...createReportActivities(deps),
});

export const createActivities = (deps: Deps) => ({
  ...createRunActivities(deps),
});
