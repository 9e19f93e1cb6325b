// Features → a registered version: train, judge on a later cut, register, and let the gates decide about the champion.
import type { Pin } from '../core/commit.ts';
import type { Moments, PlanBrief } from '../core/plan.ts';
import type { ModelSummary } from '../core/run.ts';
import { compute, light, type Patience } from './proxies.ts';

export interface TrainInput extends Patience {
  readonly brief: PlanBrief;
  readonly model: string;
  readonly moments: Moments;
  readonly pins: readonly Pin[];
  /** Folder of the planted truth of generated data. */
  readonly truth?: string;
  /** Puts the newest features online meanwhile: judging keeps one core busy, and writing to Postgres another. */
  readonly online?: boolean;
}

export interface Trained {
  readonly summary: ModelSummary;
  readonly steps: { readonly ran: number; readonly reused: number };
}

/** Trains one model of the use case and registers what came of it. */
export async function train({ brief, model, moments, pins, truth, online, ...patience }: TrainInput): Promise<Trained> {
  const request = { plan: brief.plan, model, moments, pins };
  const trained = await compute(patience).trainModel.executeWithOptions({ summary: `train ${model}` }, [request]);
  const judge = compute(patience).judgeModel.executeWithOptions(
    { summary: `judge ${model} at ${moments.split.test}` },
    [{ ...request, trained: trained.result, ...(truth === undefined ? {} : { truth }) }],
  );
  const features = online
    ? light(patience).materializeFeatures.executeWithOptions({ summary: `features of ${model} go online` }, [request])
    : undefined;
  const [judged] = await Promise.all([judge, features]);
  const registered = await light(patience).registerModel.executeWithOptions({ summary: `register ${model}` }, [
    { ...request, judged: judged.result },
  ]);
  const reused = [trained, judged].filter((step) => step.reused).length + (registered.created ? 0 : 1);
  return { summary: registered, steps: { ran: 3 - reused, reused } };
}
