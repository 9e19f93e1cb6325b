// What a registered version says of its own making: package, plan, moments, inputs. The first step of making it again.
import { loadPackage } from '../../adapters/artifacts/model-package.ts';
import { PostgresRegistry } from '../../adapters/postgres/registry.ts';
import type { ArtifactRef } from '../../core/artifact.ts';
import { canonicalJson, contentKey, type Pin, sha256 } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Lineage } from '../../core/model-package.ts';
import type { Moments, Plan } from '../../core/plan.ts';
import { check, lost, type ReproduceInput, type StageCheck } from '../../core/reproduction.ts';
import type { TableName } from '../../core/table.ts';
import { useCaseNamed } from '../../core/use-case.ts';
import type { Deps } from '../deps.ts';
import type { Frame } from '../heartbeat.ts';
import { withLake } from '../lake-session.ts';
import { planOf } from '../plan.ts';

/** What later steps need; small, since it is recorded in history. */
export interface Recalled {
  readonly model: string;
  readonly version: number;
  /** Hash of the package's manifest. */
  readonly package: string;
  readonly plan: ArtifactRef;
  readonly moments: Moments;
  /** Features first, then labels. */
  readonly inputs: readonly Pin[];
  readonly truth?: string;
  /** Names this attempt at making it again: its scratch is its own. */
  readonly attempt: string;
}

export const recall = async (
  deps: Deps,
  { model, version, truth }: ReproduceInput,
  { signal, lineage: { run } }: Frame,
): Promise<{ recalled: Recalled; checks: StageCheck[] }> => {
  const versions = await new PostgresRegistry(deps.pool).versions(model);
  const found = versions.find((one) => one.version === version);
  if (!found) {
    throw new PerennialError('UNKNOWN_NAME', 'No such version', {
      field: 'version',
      value: `${model}@${version}`,
      mend: `Known: ${versions.map((one) => `${model}@${one.version}`).join(', ') || 'none of this model'}`,
    });
  }
  const { manifest } = await loadPackage(deps.artifacts, found.packageSha256);
  const { lineage } = manifest;
  requireHome(deps, lineage);
  const recalled = {
    model,
    version,
    package: found.packageSha256,
    plan: { uri: `artifact:${lineage.planHash}`, sha256: lineage.planHash, bytes: 0 },
    moments: { asOf: lineage.asOf, split: lineage.split },
    inputs: lineage.inputs.map(({ table, ...pin }) => ({ table: table as TableName, ...pin })),
    attempt: contentKey({ reproduce: found.packageSha256, run }).slice(0, 16),
    ...(truth === undefined ? {} : { truth }),
  } as const;
  return { recalled, checks: [codeCheck(deps, lineage), await planCheck(deps, lineage, signal)] };
};

/** A promoted version was made elsewhere, from another lake. */
const requireHome = ({ settings }: Deps, { environment }: Lineage): void => {
  if (environment === settings.name) return;
  throw new PerennialError('INVALID_INPUT', `This version was made in ${environment}`, {
    field: 'env',
    value: settings.name,
    mend: `Reproduce it there: --env ${environment}.`,
  });
};

const codeCheck = ({ settings }: Deps, { codeVersion }: Lineage): StageCheck => {
  const same = check('code', codeVersion, settings.codeVersion);
  return same.state === 'equal' ? same : { ...same, state: 'noted', note: 'made by other code than runs now' };
};

/** The plan as it was kept; and, for the reader, whether the use case still says so. */
const planCheck = async (deps: Deps, { planHash, source, seed }: Lineage, signal: AbortSignal): Promise<StageCheck> => {
  let plan: Plan;
  try {
    plan = JSON.parse((await deps.artifacts.get(planHash)).toString('utf8'));
  } catch (error) {
    if (error instanceof PerennialError && error.hopeless) return lost('plan', planHash, error.message);
    throw error;
  }
  const present = await withLake(deps, signal, (lake) =>
    planOf(lake.db, useCaseNamed(deps.useCases, plan.useCase), { useCase: plan.useCase, source, seed }),
  );
  return check('plan', planHash, sha256(canonicalJson(plan)), changesIn(plan, present));
};

/** Named parts of a plan that read otherwise today. */
const changesIn = (then: Plan, now: Plan): string => {
  const named = (plan: Plan) =>
    new Map([...plan.tables, ...plan.models, ...plan.featureViews].map((part) => [part.name, canonicalJson(part)]));
  const [old, present] = [named(then), named(now)];
  const moved = [...new Set([...old.keys(), ...present.keys()])].filter((name) => old.get(name) !== present.get(name));
  return moved.length === 0 ? '' : `the use case has changed since: ${moved.join(', ')}; made from the plan of then`;
};
