// MLflow brought back to what the registry says: what is missing is made again, what contradicts is set back, what people did is told of.
import * as wf from '@temporalio/workflow';
import {
  type ModelReconciled,
  type ReconcileInput,
  type ReconcileResult,
  reconcileResult,
  sentenceOf,
} from '../core/reconcile.ts';
import { attributes } from './names.ts';
import { light } from './proxies.ts';

/** `{}` is a valid input; `{"dryRun": true}` tells and does nothing. */
export async function reconcile(input: ReconcileInput): Promise<ReconcileResult> {
  const steps = light(input?.lostAfterSeconds === undefined ? {} : { lostAfterSeconds: input.lostAfterSeconds });
  const { models, strangers, dryRun } = await steps.surveyMlflow.executeWithOptions(
    { summary: 'which models there are on either side' },
    [input ?? {}],
  );
  const parts: ModelReconciled[] = [{ versions: 0, findings: strangers }];
  for (const model of models) {
    parts.push(await steps.reconcileModel.executeWithOptions({ summary: model }, [{ model, dryRun }]));
    show(reconcileResult(dryRun, models.length, parts));
  }
  const result = reconcileResult(dryRun, models.length, parts);
  show(result);
  wf.upsertSearchAttributes([{ key: attributes.outcome, value: result.status }]);
  return result;
}

const show = ({ status, models, versions, lost, handMade, findings }: ReconcileResult): void =>
  wf.setCurrentDetails(
    [
      `**${status}** · ${models} models, ${versions} versions · ${lost} lost, ${handMade} hand-made`,
      ...findings.map((finding) => `- ${sentenceOf(finding)}`),
    ].join('\n'),
  );
