// What a promotion writes down on its way: the gates' verdict, each state it reaches, each decision, each reminder.
import { PostgresPromotions, type PromotionStep } from '../../adapters/postgres/promotions.ts';
import { parseEvidence } from '../../core/promotion/evidence.ts';
import { decidePromotion } from '../../core/promotion/gates.ts';
import type { Decision, GateReport } from '../../core/promotion/messages.ts';
import { raiseAlert } from '../alert.ts';
import type { Deps } from '../deps.ts';

/** From the evidence alone: the same evidence, the same verdict. */
export const checkGates = async (deps: Deps, { evidence }: { evidence: string }): Promise<GateReport> =>
  decidePromotion(parseEvidence(await deps.artifacts.get(evidence)));

export const recordState = async (deps: Deps, step: PromotionStep): Promise<void> => {
  await new PostgresPromotions(deps.pool).move(step);
  deps.crash('after-write');
};

export interface DecisionRecord {
  readonly attempt: string;
  readonly decision: Decision;
}

/** What stands for this person on this evidence: his first word. */
export const recordDecision = async (deps: Deps, { attempt, decision }: DecisionRecord): Promise<Decision> => {
  const { decision: kept } = await new PostgresPromotions(deps.pool).decide(attempt, decision);
  deps.crash('after-write');
  return { ...kept, at: kept.at.toISOString() };
};

export interface ReminderRequest {
  readonly attempt: string;
  readonly id: string;
  readonly evidence: string;
  readonly number: number;
  readonly escalated: boolean;
  readonly missed: number;
  /** ISO time. */
  readonly expiresAt: string;
  readonly headline: string;
}

/** Delivers one reminder: a row, a notification to whoever listens on `perennial_promotion`, an alert to its receivers. Returns its words. */
export const remind = async (deps: Deps, given: ReminderRequest): Promise<string> => {
  const { attempt, id, evidence, number, escalated, missed, expiresAt, headline } = given;
  const stands = missed > 0 ? ` (it stands for ${missed} more that nobody was there to deliver)` : '';
  const text = `${escalated ? 'Escalation' : 'Reminder'} ${number}${stands}: ${id} waits for approval until ${expiresAt}. ${headline}. \`perennial approve ${id} --why …\``;
  await new PostgresPromotions(deps.pool).remind({ attempt, evidence, number, escalated, missed, text });
  await raiseAlert(deps, {
    key: `promotion/${attempt}/${evidence.slice(0, 12)}/${number}`,
    environment: deps.settings.name,
    severity: escalated ? 'critical' : 'warning',
    title: `${id} waits for approval`,
    text,
    at: new Date().toISOString(),
    link: `${deps.settings.runPages}/workflows/${encodeURIComponent(id)}`,
  });
  deps.crash('after-write');
  return text;
};
