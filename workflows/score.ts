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
  const scoring = () =>
    compute(patience).scoreModel.executeWithOptions({ summary: `score ${model} as of ${moments.split.score}` }, [
      request,
    ]);
  const online = (steps: typeof compute) =>
    steps(patience).materializeFeatures.executeWithOptions({ summary: `features of ${model} go online` }, [request]);
  // Scoring reads the lake and keeps the cores, writing online waits for Postgres. Runs that began earlier do one after the other.
  const [scores, features] = wf.patched('online beside scoring')
    ? await Promise.all([scoring(), online(light)])
    : [await scoring(), await online(compute)];
  // Runs that began before there were such answers end without them.
  if (wf.patched('answers made ahead'))
    await light(patience).precomputeAnswers.executeWithOptions({ summary: `answers of ${model} are made ahead` }, [
      { plan: brief.plan, model, scores },
    ]);
  return { scores, online: features };
}
