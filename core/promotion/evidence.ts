// The evidence of a promotion: all that its gates and its approver decide on, in one document whose hash names it.
import { z } from 'zod';
import { canonicalJson, sha256 } from '../commit.ts';
import { PerennialError } from '../errors.ts';
import { versionStates } from './states.ts';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Day = z.iso.date();
const Numbers = z.record(z.string(), z.number());
const Count = z.int().min(0);
const Features = z.array(z.strictObject({ name: z.string(), kind: z.enum(['numeric', 'categorical']) }));
const Windows = z.strictObject({ observationDays: Count, gapDays: Count, labelDays: Count });

/** What a package says of itself. */
const Candidate = z.strictObject({
  environment: z.string(),
  version: z.int().positive(),
  package: Sha256,
  state: z.enum(versionStates),
  /** End of the knowledge it was trained on, and the cut it was first tested at. */
  asOf: z.string(),
  testCut: z.string(),
  bytes: Count,
  entity: z.string(),
  features: Features,
  windows: Windows,
  /** On the target's rows; null where they could not be scored. */
  figures: Numbers.nullable(),
});

/** What the target environment has to judge it on. */
const Data = z.strictObject({
  asOf: Day,
  testCut: Day,
  rows: Count,
  positives: Count,
  /** Content, by commit key: equal keys, equal rows. */
  tables: z.array(z.strictObject({ table: z.string(), key: z.string() })),
});

export const Evidence = z.strictObject({
  format: z.literal('perennial/evidence/1'),
  useCase: z.string(),
  model: z.string(),
  to: z.string(),
  candidate: Candidate,
  /** Who answers there now. */
  champion: z.strictObject({ version: z.int().positive(), package: Sha256, figures: Numbers.nullable() }).nullable(),
  /** The rule that stands in where nobody is champion. */
  baseline: z.strictObject({ name: z.string(), figures: Numbers.nullable() }),
  data: Data.nullable(),
  /** What the data lacks, as sentences with the way to get it. */
  missing: z.array(z.string()),
  /** What the target's code and lake expect of the model. */
  expected: z.strictObject({
    entity: z.string(),
    features: Features,
    windows: Windows,
    columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
  }),
  /** The exported model against the native one, on rows made to tell them apart. */
  parity: z.strictObject({ rows: Count, maxAbsDifference: z.number().nullable() }).nullable(),
  policy: z.strictObject({
    gates: z.array(
      z.strictObject({
        metric: z.string(),
        greaterIsBetter: z.boolean(),
        threshold: z.number().exactOptional(),
        minAbsoluteChange: z.number().exactOptional(),
        minRelativeChange: z.number().exactOptional(),
      }),
    ),
    maxAgeDays: z.number(),
    maxPackageBytes: z.number(),
    maxParityDifference: z.number(),
  }),
  /** Where to look again; of no weight in a decision. */
  trace: z.strictObject({
    codeVersion: z.string(),
    snapshots: z.record(z.string(), z.number()),
  }),
});
export type Evidence = z.infer<typeof Evidence>;
export type FeatureKind = z.infer<typeof Features>[number];

/** Equal facts, equal bytes. */
export const evidenceBytes = (evidence: Evidence): Buffer => Buffer.from(canonicalJson(Evidence.parse(evidence)));
export const evidenceHash = (evidence: Evidence): string => sha256(evidenceBytes(evidence));

export const parseEvidence = (bytes: Uint8Array): Evidence => {
  const parsed = Evidence.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  if (parsed.success) return parsed.data;
  throw new PerennialError('CONTRACT_BROKEN', `This is no evidence: ${z.prettifyError(parsed.error)}`);
};

/** What has changed since, where it matters to whoever decided; the trace does not. */
export const materialChanges = (before: Evidence, now: Evidence): string[] => {
  const changes: string[] = [];
  const look = (what: string, part: (evidence: Evidence) => unknown): void => {
    if (canonicalJson(part(before)) !== canonicalJson(part(now))) changes.push(what);
  };
  const champion = ({ champion: held }: Evidence) => (held === null ? 'nobody' : `version ${held.version}`);
  look(`the champion was ${champion(before)} and is ${champion(now)}`, ({ champion: held }) => held?.package ?? null);
  look('the candidate', ({ candidate: { figures: _, state, ...rest } }) => [rest, state === 'rejected']);
  look(`the data it is judged on (cut ${now.data?.testCut ?? 'none'})`, ({ data, missing }) => [data, missing]);
  look('the figures', ({ candidate, champion: held, baseline }) => [candidate.figures, held?.figures, baseline]);
  look('the schema', ({ expected }) => expected);
  look('the parity check', ({ parity }) => parity);
  look('the gates', ({ policy }) => policy);
  return changes;
};

/** One line: what was measured, on what, against whom. */
export const headlineOf = ({ candidate, champion, baseline, data, to }: Evidence): string => {
  if (data === null) return `${to} has no data to judge version ${candidate.version} on`;
  const auc = (figures: Readonly<Record<string, number>> | null | undefined) => {
    const value = figures?.roc_auc;
    return value === undefined ? 'no figure' : value.toFixed(4);
  };
  const rival = champion
    ? `${auc(champion.figures)} of champion version ${champion.version}`
    : `${auc(baseline.figures)} of the ${baseline.name}`;
  return `ROC-AUC ${auc(candidate.figures)} against ${rival}, on ${data.rows} labelled rows of ${to} at ${data.testCut}`;
};
