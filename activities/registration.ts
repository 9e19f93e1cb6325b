// The last step of training, as the workflow calls it: the judged package goes to the registry and to MLflow, and meets its gates.
import type { ModelSummary } from '../core/run.ts';
import type { Deps } from './deps.ts';
import { subjectOf } from './examples.ts';
import { framed } from './heartbeat.ts';
import type { JudgedModel } from './judge.ts';
import { readPlan } from './plan.ts';
import { logAndRegister } from './register.ts';
import type { ModelRequest } from './train.ts';

export interface RegisterRequest extends ModelRequest {
  readonly judged: JudgedModel;
}

export const createRegistrationActivities = (deps: Deps) => ({
  registerModel: (request: RegisterRequest): Promise<ModelSummary> =>
    framed(deps.crash, async (frame) => {
      const plan = await readPlan(deps, request.plan);
      const { model } = subjectOf(plan, request.model);
      const { settings } = deps;
      const {
        model: name,
        version,
        created,
        champion,
        reasons,
        mlflow,
      } = await logAndRegister(
        deps,
        {
          env: settings.name,
          useCase: plan.useCase,
          model: model.name,
          key: request.judged.key,
          manifest: request.judged.package,
          gates: model.gates,
          runUrl: `${settings.runPages}/${encodeURIComponent(frame.lineage.workflow)}`,
        },
        frame,
      );
      return {
        model: name,
        version,
        created,
        champion,
        reasons,
        metrics: request.judged.metrics,
        mlflow,
        package: request.judged.package,
      };
    }),
});
