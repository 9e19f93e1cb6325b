// Scores and online features after a champion was moved, as a child; for promotions and rollbacks.
import * as wf from '@temporalio/workflow';
import { compute, type Patience } from './proxies.ts';
import { score } from './score.ts';
import type { StageBoard } from './stage-board.ts';
import { child } from './stages.ts';

interface Asked {
  readonly useCase: string;
  readonly model: string;
  readonly score: boolean;
}

/** Skipped where it is not wanted, or where the environment has no features yet. */
export const rescore = async (
  board: StageBoard,
  { useCase, model, ...asked }: Asked,
  patience: Patience,
): Promise<void> => {
  if (!asked.score) return void board.skip('score', 'not asked for');
  const plan = await compute(patience).planScoring.executeWithOptions({ summary: 'what to score' }, [
    { useCase, model },
  ]);
  if (plan === null) return void board.skip('score', 'no features yet: the next run scores');
  await board.run(
    'score',
    () => child(score, 'score', { ...plan, ...patience }),
    ({ scores, online }) => `${scores?.rows ?? 0} scored, ${online.rows} online`,
  );
};

export const rootOf = (error: unknown): Error => {
  if (!(error instanceof Error)) return wf.ApplicationFailure.create({ message: String(error) });
  return error.cause instanceof Error ? rootOf(error.cause) : error;
};
