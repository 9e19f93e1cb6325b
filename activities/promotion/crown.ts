// Who answers: the champion alias moved by compare-and-set, forward by a promotion or back by a rollback, in one transaction with the
// versions' states, the promotion's and the audit. Serving hears of it by the table's own notification. Then MLflow shows it.
import { loadPackage } from '../../adapters/artifacts/model-package.ts';
import { MlflowError } from '../../adapters/mlflow/client.ts';
import { registeredName, setVersionTag } from '../../adapters/mlflow/models.ts';
import { moveWithin, PostgresPromotions } from '../../adapters/postgres/promotions.ts';
import { type AliasMove, PostgresRegistry } from '../../adapters/postgres/registry.ts';
import { moveStateWithin } from '../../adapters/postgres/registry-statements.ts';
import { PerennialError } from '../../core/errors.ts';
import type { PromotionRequest, PromotionResult } from '../../core/promotion/messages.ts';
import { championState } from '../../core/promotion/states.ts';
import type { Deps } from '../deps.ts';
import type { Frame } from '../heartbeat.ts';
import { showChampionOf } from '../show-champion.ts';
import { requireSignature } from '../sign.ts';
import { sourceOf } from './request.ts';
import { approversOf, nameOf, type TransferRequest } from './transfer.ts';

export interface CrownRequest extends TransferRequest {
  /** Its number here. */
  readonly version: number;
  /** Who must still be champion. */
  readonly from: number | null;
}

export interface Crowned {
  readonly moved: boolean;
  /** Who is champion now. */
  readonly champion: number | null;
}

/** Exactly one champion at any moment, never none once there was one, and never one whose bytes are not all here. */
export const moveChampion = async (deps: Deps, given: CrownRequest): Promise<Crowned> => {
  const { request, version, from, evidence, decisions } = given;
  const { attempt, by } = request;
  const registry = new PostgresRegistry(deps.pool);
  const model = nameOf(request);
  await requireReady(deps, model, version);
  const why = `promoted from ${request.from} version ${request.version}; ${approversOf(decisions).why}`;
  const move: AliasMove = { model, alias: 'champion', from, to: version, by, why, operation: `promote:${attempt}` };
  const close = { attempt, step: 'champion', to: 'promoted', by, why, evidence, version } as const;
  const moved = await registry.moveAlias(move, async (client) => {
    await changeStates(deps, client, move);
    await moveWithin(client, close);
  });
  deps.crash('after-write');
  if (moved.moved) return { moved: true, champion: version };
  const champion = moved.holder?.version ?? null;
  if (champion !== version) {
    await registry.moveState({ model, version, to: 'archived', by, why: `version ${champion} became champion first` });
    return { moved: false, champion };
  }
  // Another promotion of the same bytes was first: what was asked for is so.
  await new PostgresPromotions(deps.pool).move({ ...close, why: 'another promotion of the same package was first' });
  return { moved: true, champion };
};

/** Nobody answers whose bytes are not all here, or whom no trusted key vouches for. */
export const requireReady = async (deps: Deps, model: string, number: number): Promise<void> => {
  const versions = await new PostgresRegistry(deps.pool).versions(model);
  const version = versions.find((known) => known.version === number);
  if (!version)
    throw new PerennialError('UNKNOWN_NAME', `${model} has no such version`, { field: 'version', value: number });
  await loadPackage(deps.artifacts, version.packageSha256);
  await requireSignature(deps, version);
};

type Client = Parameters<typeof moveStateWithin>[0];

/** The new champion's state is the environment's; the former one is kept in the archive, whence a rollback fetches it. */
export const changeStates = async (deps: Deps, client: Client, move: AliasMove): Promise<void> => {
  const state = championState(deps.settings.name);
  if (state === undefined) return;
  const { model, by, why } = move;
  if (move.from !== null)
    await moveStateWithin(client, {
      model,
      version: move.from,
      to: 'archived',
      by,
      why: `replaced by version ${move.to}`,
    });
  await moveStateWithin(client, { model, version: move.to, to: state, by, why });
};

/** MLflow's alias names whoever is champion in Postgres now. */
export const showChampion = async (
  deps: Deps,
  { useCase, model }: Pick<PromotionRequest, 'useCase' | 'model'>,
  { signal }: Frame,
): Promise<{ champion: number | null }> => {
  const name = `${useCase}/${model}`;
  const shown = registeredName(deps.settings.mlflowPrefix, useCase, model);
  return new PostgresRegistry(deps.pool).exclusively(`mlflow ${name}`, async (held) => {
    const champion = await showChampionOf(deps, deps.mlflow.until(signal), { model: name, shown }, held);
    return { champion: champion?.version ?? null };
  });
};

/** Says at the version's page in MLflow, in the environment it came from, what became of it. A page that is gone is no reason to fail. */
export const showOutcome = async (
  deps: Deps,
  { request, result }: { request: PromotionRequest; result: Pick<PromotionResult, 'status' | 'reasons'> },
  { signal }: Frame,
): Promise<{ shown: boolean }> => {
  const source = sourceOf(deps, request.from);
  const version = (await source.registry.versions(nameOf(request))).find((known) => known.version === request.version);
  if (!version?.mlflow) return { shown: false };
  const name = registeredName(source.mlflowPrefix, request.useCase, request.model);
  const value = [result.status, ...result.reasons].join('; ').slice(0, 4_000);
  const tag = { key: `perennial.promotion.${request.to}`, value };
  try {
    await setVersionTag(deps.mlflow.until(signal), name, version.mlflow.version, tag);
  } catch (error) {
    if (error instanceof MlflowError && error.errorCode === 'RESOURCE_DOES_NOT_EXIST') return { shown: false };
    throw error;
  }
  return { shown: true };
};
