// The reconciler's steps as the workflow calls them: which models there are on either side, then one after the other.
import { z } from 'zod';
import { shownModel, shownNames } from '../../adapters/mlflow/reading.ts';
import { PostgresMlflowLedger } from '../../adapters/postgres/mlflow-ledger.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Finding, ModelReconciled, ReconcileInput } from '../../core/reconcile.ts';
import type { Deps } from '../deps.ts';
import { type Frame, framed } from '../heartbeat.ts';
import { findingOf } from './compare.ts';
import { type ModelRequest, reconcileModel } from './mend.ts';
import { mlflowNameOf, type ReconcileDeps } from './truth.ts';

const reconcileInput = z.strictObject({
  dryRun: z.boolean().default(false),
  lostAfterSeconds: z.int().min(2).max(3_600).optional(),
});

export interface Survey {
  readonly dryRun: boolean;
  /** Those the registry knows, `<use case>/<model>`. */
  readonly models: readonly string[];
  /** Those it does not. */
  readonly strangers: readonly Finding[];
}

export const createReconcileActivities = (deps: Deps) => ({
  surveyMlflow: (input: ReconcileInput): Promise<Survey> =>
    framed(deps.crash, (frame) => surveyMlflow(deps, input, frame)),
  reconcileModel: (request: ModelRequest): Promise<ModelReconciled> =>
    framed(deps.crash, (frame) => reconcileModel(deps, request, frame)),
});

/** Models on either side; those under our prefix that nobody registered are told of and left. */
export const surveyMlflow = async (
  deps: ReconcileDeps,
  input: ReconcileInput,
  { signal, lineage }: Frame,
): Promise<Survey> => {
  const { dryRun } = parsed(input);
  const mlflow = deps.mlflow.until(signal);
  const ledger = new PostgresMlflowLedger(deps.pool);
  const { mlflowPrefix: prefix } = deps.settings;
  const models = await ledger.models();
  const ours = new Set(models.map((model) => mlflowNameOf(prefix, model)));
  const strangers: Finding[] = [];
  for (const name of await shownNames(mlflow, prefix)) {
    const shown = ours.has(name) ? undefined : await shownModel(mlflow, name);
    if (shown === undefined) continue;
    const found = `${shown.versions.length} versions`;
    const said = { found, truth: null, deed: 'left', changedAt: shown.changedAt } as const;
    strangers.push(findingOf(name, 'registered model', 'hand-made', said));
  }
  if (!dryRun) await ledger.record(lineage.run, strangers);
  return { dryRun, models, strangers };
};

const parsed = (input: unknown): z.output<typeof reconcileInput> => {
  const found = reconcileInput.safeParse(input ?? {});
  if (found.success) return found.data;
  throw new PerennialError('INVALID_INPUT', z.prettifyError(found.error), {
    mend: 'A valid input: {"dryRun": true}, or {}',
  });
};
