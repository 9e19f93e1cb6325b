// Registers a trained model: Postgres first, which is the truth; then MLflow, which shows it; then, where the gates pass, the alias.
// Every step is found by the version's key when it is done again, so a kill anywhere leaves one version, shown once.
import { type LoadedPackage, loadPackage } from '../adapters/artifacts/model-package.ts';
import type { MlflowClient } from '../adapters/mlflow/client.ts';
import { setVersionTag } from '../adapters/mlflow/models.ts';
import { PostgresMlflowLedger, tagSubject } from '../adapters/postgres/mlflow-ledger.ts';
import { type MlflowIds, PostgresRegistry, type RegisteredVersion } from '../adapters/postgres/registry.ts';
import type { ArtifactRef } from '../core/artifact.ts';
import { PerennialError } from '../core/errors.ts';
import { decideGates, type GateDecision, type Reference } from '../core/gate.ts';
import type { MetricGate } from '../core/model.ts';
import { allFigures, flatFigures } from '../core/model-package.ts';
import type { ModelSummary } from '../core/run.ts';
import type { Deps } from './deps.ts';
import type { Frame } from './heartbeat.ts';
import { mlflowName, SHOW_STEPS, type ShowStep, showInMlflow } from './register-mlflow.ts';
import { showChampionOf } from './show-champion.ts';
import { signVersion } from './sign.ts';

export type RegistryDeps = Pick<Deps, 'settings' | 'pool' | 'artifacts' | 'mlflow' | 'crash' | 'keys'>;

export interface RegisterInput {
  readonly env: string;
  readonly useCase: string;
  readonly model: string;
  /** Hash of all that determines the model; registering it again gives the same version. */
  readonly key: string;
  /** The package's manifest, as `storePackage` returned it. It binds figures, curves, card and lineage. */
  readonly manifest: ArtifactRef;
  readonly gates: readonly MetricGate[];
  /** The champion's figures on the candidate's own test rows, where they were measured: a fairer comparison than those it once had. */
  readonly champion?: { readonly version: number; readonly metrics: Readonly<Record<string, number>> };
  /** Where the run that made it is found. */
  readonly runUrl: string;
}

export interface RegisteredModel extends ModelSummary {
  readonly decision: GateDecision;
  readonly mlflowIds: MlflowIds;
}

type Step = 'version' | 'signature' | ShowStep | 'ids' | 'alias' | 'alias in MLflow' | 'done';
const STEPS: readonly Step[] = ['version', 'signature', ...SHOW_STEPS, 'ids', 'alias', 'alias in MLflow', 'done'];

interface Work {
  readonly deps: RegistryDeps;
  readonly input: RegisterInput;
  readonly registry: PostgresRegistry;
  readonly mlflow: MlflowClient;
  readonly loaded: LoadedPackage;
  readonly name: string;
  readonly by: string;
  readonly at: (step: Step) => void;
}

/** `INVALID_INPUT` for another environment's request or another model's package; `CONFLICT` if a rival took the alias meanwhile. */
export const logAndRegister = async (
  deps: RegistryDeps,
  input: RegisterInput,
  frame: Frame,
): Promise<RegisteredModel> => {
  const work = await begin(deps, input, frame);
  const { registry, loaded, name, by, at } = work;
  at('version');
  const { version, created } = await registry.registerVersion({
    model: name,
    key: input.key,
    packageSha256: loaded.sha256,
    metrics: allFigures(loaded.evaluation),
    lineage: loaded.manifest.lineage,
    by,
    why: `trained as of ${loaded.manifest.lineage.asOf}`,
    runId: frame.lineage.run,
  });
  deps.crash('after-write');
  at('signature');
  const signature = await signVersion(deps, { version, manifest: loaded.manifest, approver: null, by });
  const ids = await show(work, version, signature);
  at('ids');
  await registry.recordMlflow({ model: name, version: version.version, by }, ids);
  at('alias');
  const decision = await crown(work, version);
  at('alias in MLflow');
  const champion = await showAlias(work, version, ids, decision);
  deps.crash('after-commit');
  at('done');
  return summary(work, { version, created, champion, decision, ids });
};

const begin = async (
  deps: RegistryDeps,
  input: RegisterInput,
  { signal, onProgress, lineage }: Frame,
): Promise<Work> => {
  if (input.env !== deps.settings.name) {
    throw new PerennialError('INVALID_INPUT', `This worker serves ${deps.settings.name}`, {
      field: 'env',
      value: input.env,
    });
  }
  const loaded = await loadPackage(deps.artifacts, input.manifest.sha256);
  const name = `${loaded.manifest.useCase}/${loaded.manifest.model}`;
  if (name !== `${input.useCase}/${input.model}`) {
    throw new PerennialError('INVALID_INPUT', "The package is another model's", { field: 'manifest', value: name });
  }
  return {
    deps,
    input,
    registry: new PostgresRegistry(deps.pool),
    mlflow: deps.mlflow.until(signal),
    loaded,
    name,
    by: lineage.workflow || 'perennial',
    at: (step) => onProgress({ stage: step, done: STEPS.indexOf(step), total: STEPS.length - 1, unit: 'steps' }),
  };
};

const show = (
  { registry, name, deps, input, mlflow, loaded, at }: Work,
  version: RegisteredVersion,
  signature: string,
): Promise<MlflowIds> =>
  registry.exclusively(`mlflow ${name}`, () => {
    const { mlflowPrefix: prefix } = deps.settings;
    return showInMlflow({ mlflow, prefix, version, loaded, signature, runUrl: input.runUrl, onStep: at });
  });

/** Decides by the gates and moves the alias by compare-and-set; what was decided before a kill is decided again the same way. */
const crown = async (work: Work, version: RegisteredVersion): Promise<GateDecision> => {
  const { registry, name, input, loaded, deps, by } = work;
  const operation = `champion:${version.key}`;
  const from = await rival(work, version, operation);
  const decision = decideGates(flatFigures(loaded.evaluation.figures), referenceOf(work, from), input.gates);
  await noteVerdict(work, version, decision);
  // Elsewhere only a promotion moves the champion.
  if (!decision.passed || deps.settings.name !== 'dev') return decision;
  const holder = await registry.champion(name);
  if (holder?.version === version.version) return decision;
  const why = `passed ${input.gates.length} gates against the ${decision.against.name}`;
  const move = { model: name, alias: 'champion', from: from?.version ?? null, to: version.version, by, why, operation };
  const moved = await registry.moveAlias(move);
  if (moved.moved) return decision;
  const value = moved.holder?.version ?? null;
  throw new PerennialError('CONFLICT', 'Another version became champion meanwhile', { field: 'champion', value });
};

/** What the gates refuse is rejected; what they let pass is approved in dev, and waits for its promotion elsewhere. */
const noteVerdict = async ({ registry, name, deps, by }: Work, version: RegisteredVersion, decision: GateDecision) => {
  const to = decision.passed ? 'approved' : 'rejected';
  if (version.state !== 'pending' || (decision.passed && deps.settings.name !== 'dev')) return;
  const why = decision.passed ? `passed against the ${decision.against.name}` : decision.reasons.join('; ');
  await registry.moveState({ model: name, version: version.version, from: 'pending', to, by, why });
};

/** Whom the candidate must beat: the present champion, or, where this very deed was done already, the one it replaced. */
const rival = async ({ registry, name }: Work, version: RegisteredVersion, operation: string) => {
  const done = await registry.event(operation);
  if (done) return (await registry.versions(name)).find((other) => String(other.version) === done.before);
  const champion = await registry.champion(name);
  return champion?.version === version.version ? undefined : champion;
};

const referenceOf = ({ input, loaded }: Work, champion: RegisteredVersion | undefined): Reference => {
  const { baseline } = loaded.evaluation;
  if (!champion) return { kind: 'baseline', name: `rule ${baseline.name}`, metrics: flatFigures(baseline.figures) };
  const name = `champion version ${champion.version}`;
  if (input.champion?.version === champion.version) return { kind: 'champion', name, metrics: input.champion.metrics };
  return { kind: 'champion', name: `${name} (on its own test)`, metrics: numbersOf(champion.metrics) };
};

const numbersOf = (metrics: Readonly<Record<string, unknown>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(metrics).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );

/** Lets MLflow's alias name whoever is champion in Postgres now, and says at the version what the gates said. True if that is ours. */
const showAlias = (
  work: Work,
  version: RegisteredVersion,
  ids: MlflowIds,
  decision: GateDecision,
): Promise<boolean> => {
  const { registry, name, mlflow, loaded, deps } = work;
  const shown = mlflowName({ prefix: deps.settings.mlflowPrefix, loaded });
  return registry.exclusively(`mlflow ${name}`, async (held) => {
    const gates = decision.passed ? 'passed' : `refused: ${decision.reasons.join('; ')}`;
    const tag = { key: 'perennial.gates', value: gates.slice(0, 4_000) };
    const ledger = new PostgresMlflowLedger(deps.pool);
    await ledger.note(name, tagSubject(version.version, tag.key), tag.value);
    await setVersionTag(mlflow, shown, ids.version, tag);
    const champion = await showChampionOf(deps, mlflow, { model: name, shown }, held);
    return champion?.version === version.version;
  });
};

const summary = (
  { input, mlflow, loaded, deps }: Work,
  found: { version: RegisteredVersion; created: boolean; champion: boolean; decision: GateDecision; ids: MlflowIds },
): RegisteredModel => {
  const { version, created, champion, decision, ids } = found;
  const shown = encodeURIComponent(mlflowName({ prefix: deps.settings.mlflowPrefix, loaded }));
  const passed = `passed all ${input.gates.length} gates against the ${decision.against.name}`;
  return {
    model: input.model,
    version: version.version,
    created,
    champion,
    reasons: decision.passed ? [passed] : decision.reasons,
    metrics: allFigures(loaded.evaluation),
    mlflow: `${mlflow.url}/#/models/${shown}/versions/${ids.version}`,
    package: input.manifest,
    decision,
    mlflowIds: ids,
  };
};
