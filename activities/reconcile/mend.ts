// One model brought back to what the registry says of it. What is found is written down before it is undone, so that a kill in between
// mends it at the next attempt and still tells of it.
import type { MlflowClient } from '../../adapters/mlflow/client.ts';
import { aliasSubject, PostgresMlflowLedger, tagSubject } from '../../adapters/postgres/mlflow-ledger.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import type { Finding, ModelReconciled } from '../../core/reconcile.ts';
import type { Frame } from '../heartbeat.ts';
import { SIGNATURE_TAG, showInMlflow } from '../register-mlflow.ts';
import { type Repair, versionRepairs, wantedTags } from './compare.ts';
import { aliasRepairs, shelfRepairs } from './shelf.ts';
import { type ModelPair, mlflowNameOf, type ReconcileDeps, readPair, type VersionPair } from './truth.ts';

export interface ModelRequest {
  /** `<use case>/<model>`. */
  readonly model: string;
  readonly dryRun: boolean;
}

/** Nobody else shows the model meanwhile. */
export const reconcileModel = async (
  deps: ReconcileDeps,
  { model, dryRun }: ModelRequest,
  { signal, onProgress, lineage }: Frame,
): Promise<ModelReconciled> => {
  const mlflow = deps.mlflow.until(signal);
  const ledger = new PostgresMlflowLedger(deps.pool);
  const name = mlflowNameOf(deps.settings.mlflowPrefix, model);
  return new PostgresRegistry(deps.pool).exclusively(`mlflow ${model}`, async () => {
    onProgress({ stage: `read ${name}`, done: 0, total: 2, unit: 'steps' });
    const pair = await readPair(deps, mlflow, model);
    const plan = planOf(pair, deps.settings.mlflowPrefix);
    if (dryRun) return { versions: pair.versions.length, findings: plan.findings };
    await ledger.record(lineage.run, plan.findings);
    onProgress({ stage: `mend ${name}`, done: 1, total: 2, unit: 'steps' });
    if (plan.findings.length > 0) await mend({ deps, mlflow, pair, by: lineage.workflow || 'perennial' }, plan);
    deps.crash('after-write');
    await noteShown(ledger, pair);
    return { versions: pair.versions.length, findings: await ledger.findings(lineage.run, name) };
  });
};

interface Plan {
  readonly shelf: readonly Repair[];
  readonly versions: readonly { readonly pair: VersionPair; readonly repairs: readonly Repair[] }[];
  readonly findings: readonly Finding[];
}

const planOf = (pair: ModelPair, prefix: string): Plan => {
  const shelf = shelfRepairs(pair);
  const versions = pair.versions.map((one) => ({ pair: one, repairs: versionRepairs(pair, one, prefix) }));
  const numbers = new Map(
    pair.versions.flatMap(({ version, shown, loaded }) =>
      shown === undefined && 'broken' in loaded ? [] : [[version.version, shown?.version ?? null]],
    ),
  );
  const all = [...shelf, ...versions.flatMap(({ repairs }) => repairs), ...aliasRepairs(pair, numbers)];
  return { shelf, versions, findings: all.map(({ finding }) => finding) };
};

interface Bench {
  readonly deps: ReconcileDeps;
  readonly mlflow: MlflowClient;
  readonly pair: ModelPair;
  readonly by: string;
}

const mend = async (bench: Bench, { shelf, versions }: Plan): Promise<void> => {
  const { mlflow, pair, deps } = bench;
  const ledger = new PostgresMlflowLedger(deps.pool);
  for (const { undo } of shelf) await undo?.(mlflow);
  const numbers = new Map<number, string>();
  for (const { pair: one, repairs } of versions) {
    const number = repairs.some(({ finding }) => finding.deed !== 'left')
      ? await showAgain(bench, one, repairs)
      : one.shown?.version;
    if (number !== undefined) numbers.set(one.version.version, number);
  }
  for (const { undo } of aliasRepairs(pair, numbers)) await undo?.(mlflow);
  for (const [alias, version] of pair.aliases) {
    const number = numbers.get(version);
    if (number !== undefined) await ledger.note(pair.model, aliasSubject(alias), number);
  }
};

/** Returns the number under which MLflow shows it now. */
const showAgain = async (
  { deps, mlflow, pair, by }: Bench,
  one: VersionPair,
  repairs: readonly Repair[],
): Promise<string | undefined> => {
  const { version, loaded, signature, run, shown } = one;
  if ('broken' in loaded) return shown?.version;
  for (const { undo } of repairs) await undo?.(mlflow);
  const { mlflowPrefix: prefix, runPages } = deps.settings;
  const runUrl =
    run?.tags.get('perennial.run') ?? `${runPages}?query=${encodeURIComponent(`RunId='${version.runId}'`)}`;
  const tags = wantedTags(pair, one, loaded, prefix);
  const vouched = signature === undefined ? {} : { signature };
  const ids = await showInMlflow({
    mlflow,
    prefix,
    version,
    loaded,
    runUrl,
    tags,
    ...vouched,
    onStep: () => undefined,
  });
  await new PostgresRegistry(deps.pool).recordMlflow({ model: pair.model, version: version.version, by }, ids);
  return ids.version;
};

/** What stands there rightly though nobody noted it. */
const noteShown = async (
  ledger: PostgresMlflowLedger,
  { model, versions, aliases, shown }: ModelPair,
): Promise<void> => {
  for (const { version, signature } of versions)
    if (signature !== undefined) await ledger.note(model, tagSubject(version.version, SIGNATURE_TAG), signature);
  for (const [alias, version] of aliases) {
    const number = versions.find((one) => one.version.version === version)?.shown?.version;
    if (number !== undefined && shown?.aliases.get(alias) === number)
      await ledger.note(model, aliasSubject(alias), number);
  }
};
