// Who may decide on a promotion, and with what words. Pure: the workflow's validators and the database hold people to the same rules.
import type { Decision, DecisionInput, Verdict } from './messages.ts';

/** Names are compared as people read them. */
export const samePerson = (a: string, b: string): boolean => a.trim().toLowerCase() === b.trim().toLowerCase();

const FIELDS: readonly string[] = ['by', 'why', 'evidence'];
export const decisionExample: DecisionInput = { by: 'alice', why: 'better on every slice' };

export interface OpenQuestion {
  readonly requestedBy: string;
  /** Hash of the evidence that lies on the table; null: nothing is asked. */
  readonly evidence: string | null;
  /** What the promotion is doing, for the refusal. */
  readonly state: string;
  /** True once somebody has decided: who comes later is told what stands. */
  readonly decided: boolean;
}

/** Why this decision cannot be taken; undefined if it can. */
export const decisionProblem = (
  given: unknown,
  verdict: Verdict,
  { requestedBy, evidence, state, decided }: OpenQuestion,
): string | undefined => {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) return expected('an object');
  const fields = given as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(fields).filter((name) => !FIELDS.includes(name));
  if (unknown.length > 0) return expected(`no field ${unknown.join(', ')}`);
  if (!isText(fields.by)) return expected('by, the name of who decides');
  if (fields.why !== undefined && typeof fields.why !== 'string') return expected('why as text');
  if (verdict === 'rejected' && !isText(fields.why)) return expected('why it is rejected');
  if (fields.evidence !== undefined && !/^[0-9a-f]{8,64}$/.test(String(fields.evidence)))
    return expected('evidence as the first 8 to 64 digits of its hash');
  if (samePerson(fields.by, requestedBy)) return `${requestedBy} asked for this promotion: somebody else must decide`;
  if (evidence === null && decided) return undefined;
  if (evidence === null) return `nothing waits for a decision: the promotion is ${state}`;
  if (fields.evidence !== undefined && !evidence.startsWith(String(fields.evidence)))
    return `the evidence is ${evidence.slice(0, 12)} now, not ${String(fields.evidence).slice(0, 12)}: look again`;
  return undefined;
};

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const expected = (what: string): string => `expected ${what}, e.g. ${JSON.stringify(decisionExample)}`;

export type Standing = 'open' | 'approved' | 'rejected';

/** Where the decisions on one piece of evidence leave it: one no is enough, and as many different people as needed must say yes. */
export const standingOf = (decisions: readonly Decision[], evidence: string, needed: number): Standing => {
  const own = decisions.filter((decision) => decision.evidence === evidence);
  if (own.some(({ verdict }) => verdict === 'rejected')) return 'rejected';
  return own.length >= needed ? 'approved' : 'open';
};
