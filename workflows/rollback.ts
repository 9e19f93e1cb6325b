// A step back: the champion before the present one answers again; then MLflow and the scores follow.
import * as wf from '@temporalio/workflow';
import type { RollbackInput, RollbackResult } from '../core/promotion/messages.ts';
import { attributes } from './names.ts';
import { light, type Patience } from './proxies.ts';
import { rescore } from './rescore.ts';
import { stageBoard } from './stage-board.ts';

/** `{}` is a valid input: the first model of the first use case. */
export async function rollback(input: RollbackInput): Promise<RollbackResult> {
  const patience: Patience = input?.lostAfterSeconds === undefined ? {} : { lostAfterSeconds: input.lostAfterSeconds };
  const quick = light(patience);
  const board = stageBoard('rollback', ['champion', 'show', 'score']);
  const back = () => quick.rollBack.executeWithOptions({ summary: 'move the champion alias back' }, [input ?? {}]);
  const { request, ...result } = await board.run('champion', back, ({ status, to, reasons }) =>
    to === null ? `${status}: ${reasons.join('; ')}` : `version ${to} answers`,
  );
  wf.upsertSearchAttributes([
    { key: attributes.useCase, value: request.useCase },
    { key: attributes.model, value: request.model },
    { key: attributes.outcome, value: result.status },
  ]);
  if (result.status === 'refused') return result;
  const show = () => quick.showChampion.executeWithOptions({ summary: 'alias in MLflow' }, [request]);
  await board.run('show', show, ({ champion }) => `version ${champion}`);
  await rescore(board, request, patience);
  return result;
}
