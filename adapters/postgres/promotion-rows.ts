// The promotions' rows as Postgres returns them, and as the product speaks of them.
import { z } from 'zod';
import { promotionStates } from '../../core/promotion/states.ts';

const Count = z.coerce.number().pipe(z.int());

const PromotionRow = z
  .strictObject({
    attempt: z.string(),
    id: z.string(),
    model: z.string(),
    from_environment: z.string(),
    from_version: Count,
    package_sha256: z.string(),
    requested_by: z.string(),
    requested_at: z.date(),
    state: z.enum(promotionStates),
    changed_at: z.date(),
    evidence_sha256: z.string().nullable(),
    headline: z.string(),
    reasons: z.array(z.string()),
    version: Count.nullable(),
  })
  .transform((row) => ({
    attempt: row.attempt,
    id: row.id,
    model: row.model,
    from: { environment: row.from_environment, version: row.from_version },
    package: row.package_sha256,
    requestedBy: row.requested_by,
    requestedAt: row.requested_at,
    state: row.state,
    changedAt: row.changed_at,
    evidence: row.evidence_sha256,
    headline: row.headline,
    reasons: row.reasons,
    version: row.version,
  }));

const EventRow = z
  .strictObject({
    at: z.date(),
    operation: z.string(),
    before: z.enum(promotionStates).nullable(),
    after: z.enum(promotionStates),
    by: z.string(),
    why: z.string(),
    evidence: z.string().nullable(),
  })
  .readonly();

const DecisionRow = z
  .strictObject({
    evidence: z.string(),
    by: z.string(),
    verdict: z.enum(['approved', 'rejected']),
    why: z.string(),
    at: z.date(),
  })
  .readonly();

const ReminderRow = z
  .strictObject({
    evidence: z.string(),
    number: Count,
    escalated: z.boolean(),
    missed: Count,
    text: z.string(),
    at: z.date(),
  })
  .readonly();

export type Promotion = Readonly<z.infer<typeof PromotionRow>>;
export type PromotionEvent = z.infer<typeof EventRow>;
export type PromotionDecision = z.infer<typeof DecisionRow>;
export type PromotionReminder = z.infer<typeof ReminderRow>;

export const promotionOf = (row: unknown): Promotion => PromotionRow.parse(row);
export const promotionEventOf = (row: unknown): PromotionEvent => EventRow.parse(row);
export const decisionOf = (row: unknown): PromotionDecision => DecisionRow.parse(row);
export const reminderOf = (row: unknown): PromotionReminder => ReminderRow.parse(row);
