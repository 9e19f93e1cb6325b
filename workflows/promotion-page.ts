// A promotion's page: its stages, how to approve, what was noted on the way, and the answer to the query `promotion`.
import * as wf from '@temporalio/workflow';
import type { FrozenEvidence, GateReport, PromotionRequest, PromotionView } from '../core/promotion/messages.ts';
import type { PromotionState } from '../core/promotion/states.ts';
import type { Desk } from './approval.ts';
import { attributes } from './names.ts';
import { type StageBoard, stageBoard } from './stage-board.ts';

export const promotionQuery = wf.defineQuery<PromotionView>('promotion');

const STAGES = ['request', 'evidence', 'gates', 'approval', 'copy', 'register', 'show', 'champion', 'score'] as const;

export interface PromotionPage {
  readonly board: StageBoard;
  /** Adds a line under the headline. */
  note(text: string): void;
  /** Begins the page of a checked request. */
  about(request: PromotionRequest, desk: Desk): void;
  /** What the page and the query say from now on. */
  show(
    state: PromotionState,
    more?: { readonly frozen?: FrozenEvidence | undefined; readonly reasons?: readonly string[] },
  ): void;
}

export const promotionPage = (): PromotionPage => {
  const board = stageBoard('promotion', STAGES);
  const notes: string[] = [];
  let request: PromotionRequest | null = null;
  let desk: Desk | undefined;
  let state: PromotionState = 'requested';
  let frozen: FrozenEvidence | undefined;
  let reasons: readonly string[] = [];
  const iso = (time: number | undefined) => (time === undefined ? null : new Date(time).toISOString());
  wf.setHandler(
    promotionQuery,
    (): PromotionView => ({
      id: wf.workflowInfo().workflowId,
      state,
      request,
      evidence: frozen?.evidence.sha256 ?? null,
      headline: frozen?.headline ?? '',
      reasons,
      notes,
      decisions: desk?.decisions ?? [],
      openedAt: iso(desk?.open?.openedAt),
      expiresAt: iso(desk?.open?.expiresAt),
    }),
    { description: 'State, evidence, gates, decisions and notes of this promotion. Takes no argument.' },
  );
  const draw = () => board.headline([...headline(request, state, frozen, reasons), ...notes].join('\n\n'));
  return {
    board,
    note(text) {
      notes.push(text);
      draw();
    },
    about(given, where) {
      [request, desk] = [given, where];
      wf.upsertSearchAttributes([
        { key: attributes.useCase, value: given.useCase },
        { key: attributes.model, value: given.model },
      ]);
      draw();
    },
    show(now, more = {}) {
      state = now;
      frozen = more.frozen ?? frozen;
      reasons = more.reasons ?? reasons;
      draw();
    },
  };
};

const headline = (
  request: PromotionRequest | null,
  state: PromotionState,
  frozen: FrozenEvidence | undefined,
  reasons: readonly string[],
): string[] => {
  if (request === null) return ['**promotion**'];
  const { useCase, model, version, from, to, by, id, approvals } = request;
  const lines = [`**${useCase}/${model}** version ${version} of ${from} → ${to}, asked for by ${by}: **${state}**`];
  if (frozen) lines.push(`${frozen.headline} (evidence \`${frozen.evidence.sha256.slice(0, 12)}\`)`);
  if (state === 'waiting')
    lines.push(
      `**Needs ${approvals} approval${approvals === 1 ? '' : 's'}** by somebody other than ${by}: send the update \`approve\` or \`reject\` with \`{"by": "…", "why": "…"}\`, or type \`npx perennial approve ${id} --why "…"\`.`,
    );
  return [...lines, ...reasons.map((reason) => `- ${reason}`)];
};

export const gatesNote = ({ passed, reasons, gates }: GateReport): string =>
  passed ? `passed ${gates.map(({ gate }) => gate).join(', ')}` : `refused: ${reasons.join('; ')}`;
