// What people hand to a promotion and get back from it, and what its steps tell one another: one small JSON object each.
import type { ArtifactRef } from '../artifact.ts';
import type { Patience } from './reminders.ts';
import type { PromotionState } from './states.ts';

/** Every field has a default; `{}` promotes the lower environment's champion of the first use case's first model. */
export interface PromoteInput {
  readonly useCase?: string;
  readonly model?: string;
  /** The environment that the namespace stands for; anything else is refused. */
  readonly to?: string;
  /** The next lower environment, or this one: then a version of its own training is promoted. */
  readonly from?: string;
  /** A version of `from`; default: its champion. */
  readonly version?: number;
  /** Who asks. Needed where an approval is: nobody approves for himself. */
  readonly by?: string;
  /** Evidence and gates only; nothing is recorded or moved. */
  readonly dryRun?: boolean;
  /** Score and put features online once the version answers. Default: true. */
  readonly score?: boolean;
  readonly remindAfterSeconds?: number;
  readonly escalateAfterSeconds?: number;
  readonly expireAfterSeconds?: number;
  readonly lostAfterSeconds?: number;
}

/** The input checked and completed. Recorded in history, so that a later change of settings does not touch a promotion under way. */
export interface PromotionRequest {
  /** Names this attempt in every record it makes. */
  readonly attempt: string;
  /** What people type to approve: the workflow's id. */
  readonly id: string;
  readonly useCase: string;
  readonly model: string;
  readonly from: string;
  readonly to: string;
  /** Number in `from`. */
  readonly version: number;
  /** Hash of its package's manifest. */
  readonly package: string;
  readonly by: string;
  readonly dryRun: boolean;
  readonly score: boolean;
  /** How many people must approve. */
  readonly approvals: number;
  readonly patience: Patience;
}

/** Evidence as the workflow holds it. */
export interface FrozenEvidence {
  readonly evidence: ArtifactRef;
  /** First thing to look at: what was measured, on what, against whom. */
  readonly headline: string;
  /** The champion it was measured against. */
  readonly champion: number | null;
  /** The version's number here, where the very package is champion already. */
  readonly reigning: number | null;
  /** What differs from the evidence before, where it matters to a decision. */
  readonly changes: readonly string[];
}

export interface GateReport {
  readonly passed: boolean;
  /** Every demand that was not met, of every gate. */
  readonly reasons: readonly string[];
  readonly gates: readonly { readonly gate: string; readonly reasons: readonly string[] }[];
}

export type Verdict = 'approved' | 'rejected';

/** What people send to `approve` and `reject`. */
export interface DecisionInput {
  readonly by: string;
  readonly why?: string;
  /** Hash of the evidence that was looked at (its first 8 digits will do). Default: the present one. */
  readonly evidence?: string;
}

export interface Decision {
  readonly verdict: Verdict;
  readonly by: string;
  readonly why: string;
  /** ISO time. */
  readonly at: string;
  readonly evidence: string;
}

/** The answer to `approve` and `reject`. */
export interface DecisionReply {
  /** False where it changed nothing. */
  readonly recorded: boolean;
  readonly message: string;
}

export type PromotionOutcome = Extract<PromotionState, 'promoted' | 'refused' | 'rejected' | 'expired' | 'superseded'>;

export interface PromotionResult {
  /** `passed`: a dry run that the gates would let through. */
  readonly status: PromotionOutcome | 'passed';
  readonly id: string;
  readonly model: string;
  readonly from: { readonly environment: string; readonly version: number };
  readonly to: {
    readonly environment: string;
    readonly version: number | null;
    /** Whom it replaced. */
    readonly replaced: number | null;
  };
  readonly reasons: readonly string[];
  readonly evidence: string | null;
  readonly headline: string;
  readonly decisions: readonly Decision[];
}

/** The answer to the query `promotion`. */
export interface PromotionView {
  readonly id: string;
  readonly state: PromotionState;
  readonly request: PromotionRequest | null;
  readonly evidence: string | null;
  readonly headline: string;
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
  readonly decisions: readonly Decision[];
  readonly openedAt: string | null;
  readonly expiresAt: string | null;
}

export interface RollbackInput {
  readonly useCase?: string;
  readonly model?: string;
  /** Default: whoever was champion before the present one was promoted. */
  readonly version?: number;
  readonly by?: string;
  readonly why?: string;
  readonly score?: boolean;
  readonly lostAfterSeconds?: number;
}

export interface RollbackResult {
  readonly status: 'rolled back' | 'refused';
  readonly model: string;
  readonly environment: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly reasons: readonly string[];
}
