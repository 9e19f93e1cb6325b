// A registered version → scores in gold, features online and answers made ahead: what marketing reads, and what the API answers from.
import * as wf from '@temporalio/workflow';
import type { Pin } from '../core/commit.ts';
import type { BuiltTable, Moments, PlanBrief } from '../core/plan.ts';
import { compute, light, type Patience } from './proxies.ts';

export interface ScoreInput extends Patience {
  readonly brief: PlanBrief;
  readonly model: string;
  readonly moments: Moments;
  readonly pins: readonly Pin[];
}

export interface Scored {
  /** Null where no version is champion yet. */
  readonly scores: BuiltTable | null;
  readonly online: { readonly rows: number };
}

/** Scores every entity at the newest cut with the champion, puts its features online, and makes the commonest answers ahead. */
export async function score({ brief, model, moments, pins, ...patience }: ScoreInput): Promise<Scored> {
  const request = { plan: brief.plan, model, moments, pins };
  const scores = await compute(patience).scoreModel.executeWithOptions(
    { summary: `score ${model} as of ${moments.split.score}` },
    [request],
  );
  const online = await compute(patience).materializeFeatures.executeWithOptions(
    { summary: `features of ${model} go online` },
    [request],
  );
  // Runs that began before there were such answers end without them.
  if (wf.patched('answers made ahead'))
    await light(patience).precomputeAnswers.executeWithOptions({ summary: `answers of ${model} are made ahead` }, [
      { plan: brief.plan, model, scores },
    ]);
  return { scores, online };
}
