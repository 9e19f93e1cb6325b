// Freezes the evidence of a promotion: the candidate and the present champion measured on the target's own newest labelled cut, beside
// all else that the gates ask. One document, kept by its hash.
import { loadPackage } from '../../adapters/artifacts/model-package.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Windows } from '../../core/model.ts';
import {
  type Evidence,
  evidenceBytes,
  headlineOf,
  materialChanges,
  parseEvidence,
} from '../../core/promotion/evidence.ts';
import type { FrozenEvidence, PromotionRequest } from '../../core/promotion/messages.ts';
import { type UseCase, useCaseNamed } from '../../core/use-case.ts';
import type { Deps } from '../deps.ts';
import { type Subject, subjectOf } from '../examples.ts';
import type { Frame } from '../heartbeat.ts';
import { withLake } from '../lake-session.ts';
import { compareForms } from './measure.ts';
import { type Case, expectedOf, onOwnData } from './own-data.ts';
import { sourceOf } from './request.ts';

const MAX_PARITY_DIFFERENCE = 1e-9;

export interface FreezeRequest {
  readonly request: PromotionRequest;
  /** Hash of the evidence that was looked at before. */
  readonly before?: string;
}

export const freezeEvidence = async (
  deps: Deps,
  { request, before }: FreezeRequest,
  frame: Frame,
): Promise<FrozenEvidence> => {
  const evidence = await gather(deps, request, frame);
  const kept = await deps.artifacts.put(evidenceBytes(evidence));
  deps.crash('after-write');
  const earlier = before === undefined ? undefined : parseEvidence(await deps.artifacts.get(before));
  const { champion } = evidence;
  return {
    evidence: kept,
    headline: headlineOf(evidence),
    champion: champion?.version ?? null,
    reigning: champion?.package === request.package ? champion.version : null,
    changes: earlier === undefined ? [] : materialChanges(earlier, evidence),
  };
};

const gather = async (deps: Deps, request: PromotionRequest, frame: Frame): Promise<Evidence> => {
  const asked = await openCase(deps, request);
  const parity = await compareForms(deps, asked.candidate, frame);
  const found = await withLake(deps, frame.signal, (lake) => onOwnData(deps, lake, asked, frame));
  const { subject, champion } = asked;
  return {
    format: 'perennial/evidence/1',
    useCase: request.useCase,
    model: request.model,
    to: request.to,
    candidate: { ...describeCandidate(asked), figures: found.figures },
    champion: champion
      ? { version: champion.version, package: champion.packageSha256, figures: found.championFigures }
      : null,
    baseline: { name: subject.model.baseline.name, figures: found.baseline },
    data: found.data,
    missing: found.missing,
    expected: { ...expectedOf(asked), columns: found.columns },
    parity,
    policy: {
      gates: subject.model.gates.map((gate) => ({ ...gate })),
      maxAgeDays: deps.policy.maxAgeDays,
      maxPackageBytes: deps.policy.maxPackageBytes,
      maxParityDifference: MAX_PARITY_DIFFERENCE,
    },
    trace: { codeVersion: deps.settings.codeVersion, snapshots: found.snapshots },
  };
};

const openCase = async (deps: Deps, request: PromotionRequest): Promise<Case> => {
  const name = `${request.useCase}/${request.model}`;
  const source = sourceOf(deps, request.from);
  const useCase = useCaseNamed(deps.useCases, request.useCase);
  const candidate = await loadPackage(source.artifacts, request.package);
  if (`${candidate.manifest.useCase}/${candidate.manifest.model}` !== name) {
    throw new PerennialError('CONTRACT_BROKEN', "The package is another model's", { field: 'package', value: name });
  }
  const version = (await source.registry.versions(name)).find((known) => known.version === request.version);
  if (!version) {
    throw new PerennialError('UNKNOWN_NAME', `${request.from} has no version ${request.version} of ${name} any more`);
  }
  const champion = await new PostgresRegistry(deps.pool).champion(name);
  const subject = subjectOf(useCase, request.model);
  return {
    request,
    subject,
    windows: windowsOf(useCase, subject),
    candidate,
    state: version.state,
    champion,
    reigning: champion && (await loadPackage(deps.artifacts, champion.packageSha256)),
  };
};

const windowsOf = (useCase: UseCase, { model }: Subject): Windows => {
  const windows = useCase.windows[model.source];
  if (windows) return windows;
  throw new PerennialError('CONTRACT_BROKEN', `${useCase.name} has no windows for ${model.source}`);
};

const describeCandidate = ({ request, candidate, state }: Case): Omit<Evidence['candidate'], 'figures'> => {
  const { manifest, manifestBytes, signature } = candidate;
  return {
    environment: request.from,
    version: request.version,
    package: candidate.sha256,
    state,
    asOf: manifest.lineage.asOf,
    testCut: manifest.lineage.split.test,
    bytes: manifest.files.reduce((sum, { bytes }) => sum + bytes, manifestBytes.byteLength),
    entity: signature.entity,
    features: signature.features.map(({ name, kind }) => ({ name, kind })),
    windows: signature.windows,
  };
};
