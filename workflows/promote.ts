// A promotion: evidence → gates → people → evidence and gates again → bytes → registry → MLflow → the champion alias → scores. Runs in the
// environment that is promoted into. A refusal is a result with every reason, not a failure.
import type { PromoteInput, PromotionResult } from '../core/promotion/messages.ts';
import { openPromotion } from './promotion-saga.ts';

/** Promotes one version. `{}` is a valid input where no approval is asked for: see PromoteInput. */
export async function promote(input: PromoteInput): Promise<PromotionResult> {
  const saga = await openPromotion(input ?? {});
  return saga.toTheEnd(async () => {
    let { frozen, verdict } = await saga.look();
    if (frozen.reigning !== null)
      return saga.end('promoted', ['this very package is champion already'], frozen.reigning);
    if (saga.request.dryRun) return saga.end(verdict.passed ? 'passed' : 'refused', verdict.reasons);

    while (verdict.passed) {
      const answer = await saga.ask(frozen);
      if (answer !== 'approved') return saga.end(answer, saga.words(answer));
      const approved = frozen;
      ({ frozen, verdict } = await saga.look(approved));
      if (frozen.changes.length === 0) break;
      if (saga.isOvertaken(approved, frozen)) return saga.end('superseded', frozen.changes);
      await saga.askAgain(frozen);
    }
    if (!verdict.passed) return saga.end('refused', verdict.reasons);

    await saga.copy();
    const version = await saga.register();
    await saga.show(version);
    const { moved, champion } = await saga.crown(version, frozen.champion);
    if (!moved)
      return saga.end('superseded', [`version ${champion} became champion first: promote again to be held against it`]);
    return saga.end('promoted', await saga.afterwards(), version);
  });
}
