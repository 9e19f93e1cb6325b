// The steps of one promotion, with what they share: the request, the evidence on the table, the page, and the desk where people decide.
import * as wf from '@temporalio/workflow';
import type {
  FrozenEvidence,
  GateReport,
  PromoteInput,
  PromotionRequest,
  PromotionResult,
} from '../core/promotion/messages.ts';
import type { PromotionState } from '../core/promotion/states.ts';
import { approvalDesk, type Desk } from './approval.ts';
import { attributes } from './names.ts';
import { gatesNote, type PromotionPage, promotionPage } from './promotion-page.ts';
import { compute, light, type Patience } from './proxies.ts';
import { rescore, rootOf } from './rescore.ts';

type Status = PromotionResult['status'];

/** Everything that listens is set up before the first step, so that nothing sent early is lost. */
export const openPromotion = async (input: PromoteInput): Promise<Saga> => {
  const patience: Patience = input.lostAfterSeconds === undefined ? {} : { lostAfterSeconds: input.lostAfterSeconds };
  const quick = light(patience);
  const page = promotionPage();
  const desk = approvalDesk(quick, page.note);
  const check = () => quick.checkPromotion.executeWithOptions({ summary: 'check the request' }, [input]);
  const note = ({ version, from, to }: PromotionRequest) => `version ${version}, ${from} → ${to}`;
  const request = await page.board.run('request', check, note);
  page.about(request, desk);
  return new Saga(request, page, desk, patience);
};

export class Saga {
  readonly request: PromotionRequest;
  private readonly page: PromotionPage;
  private readonly desk: Desk;
  private readonly patience: Patience;
  private readonly quick: ReturnType<typeof light>;
  private frozen: FrozenEvidence | undefined;
  private replaced: number | null = null;
  private over = false;
  private round = 0;

  constructor(request: PromotionRequest, page: PromotionPage, desk: Desk, patience: Patience) {
    this.request = request;
    this.page = page;
    this.desk = desk;
    this.patience = patience;
    this.quick = light(patience);
  }

  /** Freezes the evidence and holds it against the gates; the second time, beside what was looked at before. */
  async look(before?: FrozenEvidence): Promise<{ frozen: FrozenEvidence; verdict: GateReport }> {
    const asked = { request: this.request, ...(before === undefined ? {} : { before: before.evidence.sha256 }) };
    const freeze = () => compute(this.patience).freezeEvidence.executeWithOptions({ summary: 'freeze' }, [asked]);
    const frozen = await this.page.board.run('evidence', freeze, ({ headline }) => headline);
    const { sha256: evidence } = frozen.evidence;
    const decide = () => this.quick.checkGates.executeWithOptions({ summary: 'gates' }, [{ evidence }]);
    const verdict = await this.page.board.run('gates', decide, gatesNote);
    this.frozen = frozen;
    this.page.show(verdict.passed ? 'gated' : 'refused', { frozen, reasons: verdict.reasons });
    return { frozen, verdict };
  }

  /** Puts the evidence before people, where the environment wants that. */
  async ask(frozen: FrozenEvidence): Promise<'approved' | 'rejected' | 'expired'> {
    this.round += 1;
    await this.record('gated', 'passed every gate');
    if (this.request.approvals === 0) {
      this.page.board.skip('approval', 'not asked for in this environment');
      await this.record('approved', 'no approval is asked for here');
      return 'approved';
    }
    await this.record('waiting', `for ${this.request.approvals} of approval`);
    const answer = await this.page.board.run(
      'approval',
      () => this.desk.ask(this.request, frozen),
      (found) => this.words(found).join('; '),
    );
    if (answer === 'approved') await this.record('approved', this.words(answer).join('; '), this.deciders());
    return answer;
  }

  /** Who decided on the evidence on the table, and with what words. */
  words(answer: 'approved' | 'rejected' | 'expired'): string[] {
    if (answer === 'expired') return ['nobody decided in time'];
    return this.taken().map(({ verdict, by, why }) => `${verdict} by ${by}${why === '' ? '' : `: ${why}`}`);
  }

  /** Where nobody is asked, there is nobody to ask again: somebody else was first. */
  isOvertaken(before: FrozenEvidence, now: FrozenEvidence): boolean {
    return this.request.approvals === 0 && before.champion !== now.champion;
  }

  async askAgain({ changes }: FrozenEvidence): Promise<void> {
    const why = `the evidence changed while it waited: ${changes.join('; ')}`;
    this.page.note(`Asked again, since ${why}.`);
    await this.record('stale', why);
  }

  copy(): Promise<unknown> {
    const work = () => this.quick.copyBytes.executeWithOptions({ summary: 'copy the bytes' }, [this.transfer()]);
    const note = ({ files, bytes }: { files: number; bytes: number }) => `${files} files, ${bytes} bytes, verified`;
    return this.page.board.run('copy', work, note);
  }

  async register(): Promise<number> {
    const work = () => this.quick.registerPromoted.executeWithOptions({ summary: 'register' }, [this.transfer()]);
    const note = (found: { version: number }) => `version ${found.version} of ${this.request.to}`;
    return (await this.page.board.run('register', work, note)).version;
  }

  show(version: number): Promise<unknown> {
    const work = () =>
      this.quick.showPromoted.executeWithOptions({ summary: 'show in MLflow' }, [{ request: this.request, version }]);
    return this.page.board.run('show', work, ({ mlflow }) => `version ${mlflow} in MLflow`);
  }

  /** Moves the alias, if whoever the evidence was measured against still holds it. */
  async crown(version: number, from: number | null): Promise<{ moved: boolean; champion: number | null }> {
    const asked = { ...this.transfer(), version, from };
    const work = () => this.quick.moveChampion.executeWithOptions({ summary: 'move the champion alias' }, [asked]);
    const note = (found: { champion: number | null }) => `version ${found.champion} answers`;
    const crowned = await this.page.board.run('champion', work, note);
    this.over = crowned.moved;
    this.replaced = crowned.moved ? from : null;
    return crowned;
  }

  /** What follows once the version answers. Nothing that goes wrong here undoes it: it becomes a line of the result. */
  async afterwards(): Promise<string[]> {
    try {
      const { useCase, model } = this.request;
      await this.quick.showChampion.executeWithOptions({ summary: 'alias in MLflow' }, [{ useCase, model }]);
      await rescore(this.page.board, this.request, this.patience);
      return [];
    } catch (error) {
      if (wf.isCancellation(error)) throw error;
      return [`promoted, but not all that follows was done: ${rootOf(error).message}`];
    }
  }

  /** Records how it ended, says so in MLflow and on the page. `version` is its number here, where it is champion. */
  async end(status: Status, reasons: readonly string[], version: number | null = null): Promise<PromotionResult> {
    const state = status === 'passed' ? 'gated' : status;
    if (!this.over && status !== 'passed') await this.record(state, reasons.join('; '), this.deciders(), reasons);
    this.over = true;
    if (!this.request.dryRun) {
      const said = { request: this.request, result: { status, reasons } };
      await this.quick.showOutcome.executeWithOptions({ summary: 'say so in MLflow' }, [said]);
    }
    this.page.show(state, { reasons });
    wf.upsertSearchAttributes([{ key: attributes.outcome, value: status }]);
    return this.result(status, reasons, version);
  }

  /** Runs the story. What is hopeless before the alias moved is a refusal; a cancellation takes the request back. */
  async toTheEnd(story: () => Promise<PromotionResult>): Promise<PromotionResult> {
    try {
      const result = await story();
      await wf.condition(wf.allHandlersFinished);
      return result;
    } catch (error) {
      if (this.over) throw error;
      if (wf.isCancellation(error)) {
        await wf.CancellationScope.nonCancellable(() => this.end('superseded', ['taken back: it was cancelled']));
        throw error;
      }
      const root = rootOf(error);
      if (root instanceof wf.ApplicationFailure && root.nonRetryable) return this.end('refused', [root.message]);
      throw error;
    }
  }

  private result(status: Status, reasons: readonly string[], version: number | null): PromotionResult {
    const { id, useCase, model, from, to, version: number } = this.request;
    return {
      status,
      id,
      model: `${useCase}/${model}`,
      from: { environment: from, version: number },
      to: { environment: to, version, replaced: this.replaced },
      reasons,
      evidence: this.frozen?.evidence.sha256 ?? null,
      headline: this.frozen?.headline ?? '',
      decisions: this.desk.decisions,
    };
  }

  private async record(to: PromotionState, why: string, by?: string, reasons?: readonly string[]): Promise<void> {
    this.page.show(to);
    if (this.request.dryRun) return;
    const { attempt } = this.request;
    const seen = this.frozen ? { evidence: this.frozen.evidence.sha256, headline: this.frozen.headline } : {};
    const step = `${to}:${this.round}`;
    const what = {
      attempt,
      step,
      to,
      by: by ?? this.request.by,
      why,
      ...seen,
      ...(reasons === undefined ? {} : { reasons }),
    };
    await this.quick.recordState.executeWithOptions({ summary: to }, [what]);
  }

  private transfer() {
    const evidence = this.frozen?.evidence.sha256 ?? '';
    return { request: this.request, evidence, decisions: this.taken() };
  }

  /** Decisions on the evidence that was last put before people. */
  private taken() {
    const last = this.desk.decisions.at(-1)?.evidence;
    return this.desk.decisions.filter(({ evidence }) => evidence === last);
  }

  private deciders(): string | undefined {
    const names = this.taken().map(({ by }) => by);
    return names.length === 0 ? undefined : names.join(', ');
  }
}
