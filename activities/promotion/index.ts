// The steps of a promotion and of a rollback, as workflows call them. Each may be killed and run again at any point.
import type { PromotionStep } from '../../adapters/postgres/promotions.ts';
import type {
  Decision,
  FrozenEvidence,
  GateReport,
  PromoteInput,
  PromotionRequest,
  PromotionResult,
  RollbackInput,
} from '../../core/promotion/messages.ts';
import type { Deps } from '../deps.ts';
import { framed } from '../heartbeat.ts';
import { type Crowned, type CrownRequest, moveChampion, showChampion, showOutcome } from './crown.ts';
import { type FreezeRequest, freezeEvidence } from './freeze.ts';
import {
  checkGates,
  type DecisionRecord,
  type ReminderRequest,
  recordDecision,
  recordState,
  remind,
} from './record.ts';
import { checkPromotion } from './request.ts';
import { type RolledBack, rollBack } from './rollback.ts';
import { planScoring, type ScoringPlan } from './scoring.ts';
import { copyBytes, registerPromoted, showPromoted, type TransferRequest } from './transfer.ts';

type Named = Pick<PromotionRequest, 'useCase' | 'model'>;

export const createPromotionActivities = (deps: Deps) => ({
  checkPromotion: (input: PromoteInput): Promise<PromotionRequest> =>
    framed(deps.crash, (frame) => checkPromotion(deps, input, frame)),
  freezeEvidence: (request: FreezeRequest): Promise<FrozenEvidence> =>
    framed(deps.crash, (frame) => freezeEvidence(deps, request, frame)),
  checkGates: (request: { evidence: string }): Promise<GateReport> =>
    framed(deps.crash, () => checkGates(deps, request)),
  recordState: (step: PromotionStep): Promise<void> => framed(deps.crash, () => recordState(deps, step)),
  recordDecision: (request: DecisionRecord): Promise<Decision> =>
    framed(deps.crash, () => recordDecision(deps, request)),
  remind: (request: ReminderRequest): Promise<string> => framed(deps.crash, () => remind(deps, request)),
  copyBytes: (request: TransferRequest): Promise<{ files: number; bytes: number }> =>
    framed(deps.crash, (frame) => copyBytes(deps, request, frame)),
  registerPromoted: (request: TransferRequest): Promise<{ version: number; created: boolean }> =>
    framed(deps.crash, (frame) => registerPromoted(deps, request, frame)),
  showPromoted: (request: { request: PromotionRequest; version: number }): Promise<{ mlflow: string }> =>
    framed(deps.crash, (frame) => showPromoted(deps, request, frame)),
  moveChampion: (request: CrownRequest): Promise<Crowned> => framed(deps.crash, () => moveChampion(deps, request)),
  showChampion: (request: Named): Promise<{ champion: number | null }> =>
    framed(deps.crash, (frame) => showChampion(deps, request, frame)),
  showOutcome: (request: {
    request: PromotionRequest;
    result: Pick<PromotionResult, 'status' | 'reasons'>;
  }): Promise<{ shown: boolean }> => framed(deps.crash, (frame) => showOutcome(deps, request, frame)),
  rollBack: (input: RollbackInput): Promise<RolledBack> => framed(deps.crash, (frame) => rollBack(deps, input, frame)),
  planScoring: (request: Named): Promise<ScoringPlan | null> =>
    framed(deps.crash, (frame) => planScoring(deps, request, frame)),
});
