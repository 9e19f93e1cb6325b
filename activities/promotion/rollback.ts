// A step back: the champion before the present one answers again. Its bytes are here, so it takes one transaction.
import { z } from 'zod';
import { type AliasMove, PostgresRegistry, type RegistryEvent } from '../../adapters/postgres/registry.ts';
import { PerennialError } from '../../core/errors.ts';
import type { RollbackInput, RollbackResult } from '../../core/promotion/messages.ts';
import { previousChampion, ROLLBACK } from '../../core/promotion/states.ts';
import type { Deps } from '../deps.ts';
import type { Frame } from '../heartbeat.ts';
import { changeStates, requireReady } from './crown.ts';
import { modelNamed, parseInput } from './request.ts';

const rollbackInput = z.strictObject({
  useCase: z.string().default('ecommerce-intelligence'),
  model: z.string().optional(),
  version: z.int().positive().optional(),
  by: z.string().trim().min(1).max(100).default('unnamed'),
  why: z.string().max(1_000).default(''),
  score: z.boolean().default(true),
  lostAfterSeconds: z.int().min(2).max(3_600).optional(),
});

const EXAMPLE: RollbackInput = {
  useCase: 'ecommerce-intelligence',
  model: 'propensity',
  why: 'complaints',
  by: 'alice',
};

export interface RolledBack extends RollbackResult {
  readonly request: { readonly useCase: string; readonly model: string; readonly score: boolean };
}

/** `CONFLICT` (retried) where somebody else moves the alias meanwhile. */
export const rollBack = async (deps: Deps, input: RollbackInput, { lineage }: Frame): Promise<RolledBack> => {
  const given = parseInput(rollbackInput, input, EXAMPLE);
  const { useCase, score, by } = given;
  const request = { useCase, model: modelNamed(deps, useCase, given.model), score };
  const model = `${useCase}/${request.model}`;
  const operation = `${ROLLBACK}${lineage.run}`;
  const registry = new PostgresRegistry(deps.pool);
  const answer = (status: RollbackResult['status'], from: number | null, to: number | null, reasons: string[]) => ({
    request,
    status,
    model,
    environment: deps.settings.name,
    from,
    to,
    reasons,
  });
  const done = await registry.event(operation);
  if (done) return answer('rolled back', done.before === null ? null : Number(done.before), Number(done.after), []);
  const from = (await registry.champion(model))?.version ?? null;
  const wanted = target(await registry.events(model), from, given.version);
  if (typeof wanted === 'string') return answer('refused', from, null, [wanted]);
  await requireReady(deps, model, wanted);
  const why = given.why === '' ? `rolled back from version ${from}` : given.why;
  const move: AliasMove = { model, alias: 'champion', from, to: wanted, by, why, operation };
  const moved = await registry.moveAlias(move, (client) => changeStates(deps, client, move));
  deps.crash('after-write');
  if (moved.moved) return answer('rolled back', from, wanted, []);
  throw new PerennialError('CONFLICT', 'Another version became champion meanwhile', {
    field: 'champion',
    value: moved.holder?.version ?? null,
  });
};

/** The version to go back to, or why there is none. */
const target = (
  events: readonly RegistryEvent[],
  champion: number | null,
  asked: number | undefined,
): number | string => {
  const moves = events.filter(({ kind, alias }) => kind === 'alias moved' && alias === 'champion');
  if (champion === null) return 'nobody is champion';
  if (asked === undefined) return previousChampion(moves) ?? `nobody was champion before version ${champion}`;
  if (asked === champion) return `version ${asked} is champion already`;
  if (moves.some(({ after }) => Number(after) === asked)) return asked;
  return `version ${asked} was never champion: promote it instead`;
};
