// Brings an approved version over: its bytes, verified one by one, then its entry in this environment's registry, then its page in MLflow.
import { loadPackage, storePackage } from '../../adapters/artifacts/model-package.ts';
import { PostgresPromotions } from '../../adapters/postgres/promotions.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { contentKey } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { PACKAGE_FILES } from '../../core/model-package.ts';
import { parseEvidence } from '../../core/promotion/evidence.ts';
import type { Decision, PromotionRequest } from '../../core/promotion/messages.ts';
import type { Approver } from '../../core/signed-manifest.ts';
import type { Deps } from '../deps.ts';
import type { Frame } from '../heartbeat.ts';
import { showInMlflow } from '../register-mlflow.ts';
import { requireSignature, signVersion } from '../sign.ts';
import { sourceOf } from './request.ts';

export interface TransferRequest {
  readonly request: PromotionRequest;
  /** Hash of the evidence it was approved on. */
  readonly evidence: string;
  readonly decisions: readonly Decision[];
}

/** Copies the package and reads every byte back from where it will be served. */
export const copyBytes = async (
  deps: Deps,
  { request, evidence }: TransferRequest,
  { onProgress }: Frame,
): Promise<{ files: number; bytes: number }> => {
  const source = sourceOf(deps, request.from);
  onProgress({ stage: `copy from ${source.name}`, done: 0, total: 2, unit: 'steps' });
  const loaded = await loadPackage(source.artifacts, request.package);
  const stored = await storePackage(deps.artifacts, loaded);
  if (stored.sha256 !== request.package) {
    throw new PerennialError('HASH_MISMATCH', 'The copy has another hash', { field: 'package', value: stored.sha256 });
  }
  deps.crash('after-write');
  onProgress({ stage: 'verify the copy', done: 1, total: 2, unit: 'steps' });
  const { manifest } = await loadPackage(deps.artifacts, request.package);
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const files = manifest.files.length;
  const why = `${files} files, ${bytes} bytes, every sha256 verified`;
  const { attempt, by } = request;
  await new PostgresPromotions(deps.pool).move({ attempt, step: 'copy', to: 'copied', by, why, evidence });
  return { files, bytes };
};

/** One version per package: promoted twice, it is the same version. It becomes `approved` here, and champion later or never. */
export const registerPromoted = async (
  deps: Deps,
  { request, evidence, decisions }: TransferRequest,
  frame: Frame,
): Promise<{ version: number; created: boolean }> => {
  const registry = new PostgresRegistry(deps.pool);
  const model = nameOf(request);
  const by = request.by;
  const { candidate, baseline } = parseEvidence(await deps.artifacts.get(evidence));
  const { manifest } = await loadPackage(deps.artifacts, request.package);
  const rule = Object.entries(baseline.figures ?? {}).map(([name, value]) => [`baseline_${name}`, value]);
  const { version, created } = await registry.registerVersion({
    model,
    key: await keyOf(deps, request),
    packageSha256: request.package,
    metrics: { ...candidate.figures, ...Object.fromEntries(rule) },
    lineage: { ...manifest.lineage, promotedFrom: { environment: request.from, version: request.version }, evidence },
    by,
    why: `promoted from ${request.from} version ${request.version}`,
    runId: frame.lineage.run,
  });
  await signVersion(deps, { version, manifest, approver: signedApproval(decisions), by });
  deps.crash('after-write');
  const approvers = approversOf(decisions);
  if (version.state === 'pending') {
    await registry.moveState({
      model,
      version: version.version,
      to: 'approved',
      by: approvers.by ?? by,
      why: approvers.why,
    });
  }
  await new PostgresPromotions(deps.pool).move({
    attempt: request.attempt,
    step: 'register',
    to: 'registered',
    by,
    why: `version ${version.version}${created ? '' : ', known'}`,
    evidence,
    version: version.version,
  });
  return { version: version.version, created };
};

/** A promoted package is known by its bytes; what this environment trained itself keeps the key it was registered under. */
const keyOf = async (deps: Deps, request: PromotionRequest): Promise<string> => {
  if (request.from !== request.to) return contentKey({ stage: 'promote', package: request.package });
  const known = await new PostgresRegistry(deps.pool).versions(nameOf(request));
  const own = known.find(({ version }) => version === request.version);
  if (own) return own.key;
  throw new PerennialError('UNKNOWN_NAME', 'No such version', { field: 'version', value: request.version });
};

export const nameOf = ({ useCase, model }: Pick<PromotionRequest, 'useCase' | 'model'>): string =>
  `${useCase}/${model}`;

export const approversOf = (decisions: readonly Decision[]): { by: string | undefined; why: string } => {
  const yes = decisions.filter(({ verdict }) => verdict === 'approved');
  if (yes.length === 0) return { by: undefined, why: 'passed every gate; no approval is asked for here' };
  const words = yes.map(({ by, why }) => `${by}${why === '' ? '' : `: ${why}`}`);
  return { by: yes.map(({ by }) => by).join(', '), why: `approved by ${words.join('; ')}` };
};

/** What the signature says of who let it in. */
const signedApproval = (decisions: readonly Decision[]): Approver | null => {
  const { by, why } = approversOf(decisions);
  const evidence = decisions.at(-1)?.evidence;
  return by === undefined ? null : { by, why, ...(evidence === undefined ? {} : { evidence }) };
};

/** Run, figures, pictures, card and model version under this environment's name. */
export const showPromoted = async (
  deps: Deps,
  { request, version }: { request: PromotionRequest; version: number },
  { signal, onProgress }: Frame,
): Promise<{ mlflow: string }> => {
  const registry = new PostgresRegistry(deps.pool);
  const model = nameOf(request);
  const registered = (await registry.versions(model)).find((known) => known.version === version);
  if (!registered) throw new PerennialError('UNKNOWN_NAME', 'No such version', { field: 'version', value: version });
  const loaded = await loadPackage(deps.artifacts, request.package);
  const signature = (await requireSignature(deps, registered)).keyId;
  const { mlflowPrefix: prefix, runPages } = deps.settings;
  const ids = await registry.exclusively(`mlflow ${model}`, () =>
    showInMlflow({
      mlflow: deps.mlflow.until(signal),
      prefix,
      version: registered,
      loaded,
      signature,
      runUrl: `${runPages}/${encodeURIComponent(request.id)}`,
      onStep: (stage) => onProgress({ stage: `MLflow: ${stage}`, done: 0, total: PACKAGE_FILES.length, unit: 'steps' }),
    }),
  );
  deps.crash('after-write');
  await registry.recordMlflow({ model, version, by: request.by }, ids);
  return { mlflow: ids.version };
};
