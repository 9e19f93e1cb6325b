// What a reconciliation of MLflow with the registry is asked and answers: MLflow shows, Postgres decides. Pure and without zod.

export interface ReconcileInput {
  /** Only tell what would be done. */
  readonly dryRun?: boolean;
  readonly lostAfterSeconds?: number;
}

/** `lost`: it never arrived or is gone with its server. `hand-made`: somebody did it in MLflow. */
export type FindingKind = 'lost' | 'hand-made';
/** What was done about it. What people added is left, but for what contradicts the registry. */
export type Deed = 'made again' | 'set back' | 'left';

export interface Finding {
  readonly kind: FindingKind;
  /** As MLflow names it, e.g. `dev.ecommerce_intelligence.propensity`. */
  readonly model: string;
  /** e.g. `alias champion`, `version 3 tag perennial.package`, `MLflow version 7`. */
  readonly subject: string;
  /** Null: nothing is there. */
  readonly found: string | null;
  /** What the registry says; null: nothing should be there. */
  readonly truth: string | null;
  readonly deed: Deed;
  /** As far as MLflow knows. */
  readonly changedBy: string | null;
  /** ISO time, as far as MLflow knows. */
  readonly changedAt: string | null;
}

export interface ModelReconciled {
  readonly versions: number;
  readonly findings: readonly Finding[];
}

export interface ReconcileResult {
  readonly status: 'consistent' | 'mended' | 'hand-made changes';
  readonly dryRun: boolean;
  readonly models: number;
  readonly versions: number;
  readonly lost: number;
  readonly handMade: number;
  /** At most fifty; the database keeps them all. */
  readonly findings: readonly Finding[];
}

const MOST_FINDINGS = 50;
const LONGEST_TEXT = 200;

export const reconcileResult = (
  dryRun: boolean,
  models: number,
  parts: readonly ModelReconciled[],
): ReconcileResult => {
  const findings = parts.flatMap((part) => part.findings);
  const handMade = findings.filter(({ kind }) => kind === 'hand-made').length;
  return {
    status: handMade > 0 ? 'hand-made changes' : findings.length > 0 ? 'mended' : 'consistent',
    dryRun,
    models,
    versions: parts.reduce((sum, { versions }) => sum + versions, 0),
    lost: findings.length - handMade,
    handMade,
    findings: findings.slice(0, MOST_FINDINGS).map(shortened),
  };
};

/** One sentence for people. */
export const sentenceOf = ({ model, subject, found, truth, deed, changedBy, changedAt }: Finding): string => {
  const what = found === null ? 'is gone' : `says ${quote(found)}`;
  const should = truth === null ? 'the registry knows nothing of it' : `the registry says ${quote(truth)}`;
  const who = [changedBy, changedAt].filter((known) => known !== null).join(', ');
  return `${model}: ${subject} ${what}${who === '' ? '' : ` (${who})`}; ${should}: ${deed}`;
};

const shortened = (finding: Finding): Finding => ({ ...finding, found: cut(finding.found), truth: cut(finding.truth) });
const cut = (text: string | null): string | null =>
  text === null || text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
const quote = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return `“${line.length > 60 ? `${line.slice(0, 59)}…` : line}”`;
};
