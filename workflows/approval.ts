// Where a promotion waits for people: the updates `approve` and `reject`, reminders while nobody answers, and the end of patience.
import * as wf from '@temporalio/workflow';
import {
  decisionExample,
  decisionProblem,
  type Standing,
  samePerson,
  standingOf,
} from '../core/promotion/decisions.ts';
import type {
  Decision,
  DecisionInput,
  DecisionReply,
  FrozenEvidence,
  PromotionRequest,
  Verdict,
} from '../core/promotion/messages.ts';
import { dueReminder, expiry, nextMoment } from '../core/promotion/reminders.ts';
import { attributes } from './names.ts';
import type { light } from './proxies.ts';

export const approveUpdate = wf.defineUpdate<DecisionReply, [DecisionInput]>('approve');
export const rejectUpdate = wf.defineUpdate<DecisionReply, [DecisionInput]>('reject');

export interface Desk {
  /** Every decision taken so far, on whatever evidence. */
  readonly decisions: readonly Decision[];
  /** When the open question was put and when it lapses; null while there is none. */
  readonly open: { readonly evidence: string; readonly openedAt: number; readonly expiresAt: number } | null;
  /** Puts evidence before people and waits for what they say. */
  ask(request: PromotionRequest, frozen: FrozenEvidence): Promise<Exclude<Standing, 'open'> | 'expired'>;
}

/** Opens the desk: from now on the updates are heard, and refused while nothing is asked. `onNote` hears of each reminder. */
export const approvalDesk = (quick: ReturnType<typeof light>, onNote: (note: string) => void): Desk => {
  const decisions: Decision[] = [];
  let asked: PromotionRequest | undefined;
  let open: Desk['open'] = null;
  let storing = 0;
  const standing = (): Standing =>
    open === null ? 'open' : standingOf(decisions, open.evidence, asked?.approvals ?? Number.POSITIVE_INFINITY);

  const decide = async (verdict: Verdict, given: DecisionInput): Promise<DecisionReply> => {
    const evidence = standing() === 'open' ? open?.evidence : undefined;
    const by = given.by.trim();
    const earlier = decisions.find((known) => known.evidence === evidence && samePerson(known.by, by));
    if (evidence === undefined || earlier || asked === undefined) return nothingChanged(earlier ?? decisions.at(-1));
    const decision = { verdict, by, why: given.why?.trim() ?? '', at: new Date().toISOString(), evidence };
    storing += 1;
    try {
      const kept = await quick.recordDecision.executeWithOptions({ summary: `${by}: ${verdict}` }, [
        { attempt: asked.attempt, decision },
      ]);
      if (!decisions.some((known) => known.evidence === kept.evidence && samePerson(known.by, kept.by)))
        decisions.push(kept);
      return { recorded: true, message: `${kept.verdict} by ${kept.by} on evidence ${evidence.slice(0, 12)}` };
    } finally {
      storing -= 1;
    }
  };
  const listen = (update: typeof approveUpdate, verdict: Verdict): void => {
    const question = () => ({
      requestedBy: asked?.by ?? '',
      evidence: standing() === 'open' ? (open?.evidence ?? null) : null,
      state: open === null ? 'not waiting' : standing(),
      decided: decisions.length > 0,
    });
    wf.setHandler(update, (given) => decide(verdict, given), {
      description: `Takes one object, e.g. ${JSON.stringify(decisionExample)}; \`evidence\` may name the hash that was looked at.`,
      validator: (given) => {
        const problem = decisionProblem(given, verdict, question());
        if (problem !== undefined) throw wf.ApplicationFailure.nonRetryable(problem, 'INVALID_INPUT');
      },
    });
  };
  listen(approveUpdate, 'approved');
  listen(rejectUpdate, 'rejected');

  const remindOnce = async (request: PromotionRequest, frozen: FrozenEvidence, delivered: number): Promise<number> => {
    if (open === null) return delivered;
    const due = dueReminder(request.patience, open.openedAt, Date.now(), delivered);
    if (!due) return delivered;
    const { attempt, id } = request;
    const expiresAt = new Date(open.expiresAt).toISOString();
    const what = { attempt, id, evidence: open.evidence, expiresAt, headline: frozen.headline, ...due };
    onNote(await quick.remind.executeWithOptions({ summary: due.escalated ? 'escalate' : 'remind' }, [what]));
    return due.number;
  };

  return {
    decisions,
    get open() {
      return open;
    },
    async ask(request, frozen) {
      asked = request;
      const openedAt = Date.now();
      open = { evidence: frozen.evidence.sha256, openedAt, expiresAt: expiry(request.patience, openedAt) };
      wf.upsertSearchAttributes([{ key: attributes.needsAction, value: true }]);
      for (let delivered = 0; ; ) {
        const wait = Math.max(1, nextMoment(request.patience, openedAt, delivered) - Date.now());
        if (await wf.condition(() => standing() !== 'open', wait)) break;
        // What is being written down counts, even at the last moment.
        await wf.condition(() => storing === 0);
        if (standing() !== 'open' || Date.now() >= open.expiresAt) break;
        delivered = await remindOnce(request, frozen, delivered);
      }
      const outcome = standing();
      open = null;
      wf.upsertSearchAttributes([{ key: attributes.needsAction, value: false }]);
      return outcome === 'open' ? 'expired' : outcome;
    },
  };
};

const nothingChanged = (stands: Decision | undefined): DecisionReply => ({
  recorded: false,
  message: stands
    ? `${stands.verdict} by ${stands.by} at ${stands.at} already: nothing changed`
    : 'Nothing waits for a decision',
});
