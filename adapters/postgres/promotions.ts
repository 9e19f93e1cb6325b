// The promotions into one environment: each attempt's state with its history, decisions and reminders. Every change and its event are
// one transaction, found again by the name of the deed, so that whoever is killed or loses an answer asks again and changes nothing.
import type { Pool, PoolClient } from 'pg';
import { PerennialError } from '../../core/errors.ts';
import { samePerson } from '../../core/promotion/decisions.ts';
import type { Decision } from '../../core/promotion/messages.ts';
import { mayFollow, type PromotionState } from '../../core/promotion/states.ts';
import {
  decisionOf,
  type Promotion,
  type PromotionDecision,
  type PromotionEvent,
  type PromotionReminder,
  promotionEventOf,
  promotionOf,
  reminderOf,
} from './promotion-rows.ts';
import { inTransaction } from './transaction.ts';

export type { Promotion, PromotionDecision, PromotionEvent, PromotionReminder } from './promotion-rows.ts';

export interface NewPromotion {
  readonly attempt: string;
  readonly id: string;
  /** `<use case>/<model>`. */
  readonly model: string;
  readonly from: { readonly environment: string; readonly version: number };
  readonly package: string;
  readonly by: string;
}

export interface PromotionStep {
  readonly attempt: string;
  /** Names this deed within the attempt: asked again, it changes nothing. */
  readonly step: string;
  readonly to: PromotionState;
  readonly by: string;
  readonly why: string;
  readonly evidence?: string;
  readonly headline?: string;
  readonly reasons?: readonly string[];
  /** Its number here. */
  readonly version?: number;
}

export interface NewReminder {
  readonly attempt: string;
  readonly evidence: string;
  readonly number: number;
  readonly escalated: boolean;
  readonly missed: number;
  readonly text: string;
}

export class PostgresPromotions {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** Notes that somebody asks. The same attempt again is the same promotion. */
  async open(given: NewPromotion): Promise<Promotion> {
    return inTransaction(this.pool, async (client) => {
      const { attempt, id, model, from, by } = given;
      const made = await client.query(
        `insert into promotions (attempt, id, model, from_environment, from_version, package_sha256, requested_by)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (attempt) do nothing`,
        [attempt, id, model, from.environment, from.version, given.package, by],
      );
      const promotion = await locked(client, attempt);
      if (made.rowCount === 1) {
        const why = `version ${from.version} of ${from.environment}`;
        await recordEvent(client, { attempt, step: 'open', before: null, to: 'requested', by, why });
      }
      return promotion;
    });
  }

  /** Moves an attempt to its next state. `CONFLICT` where that state may not follow. */
  async move(step: PromotionStep): Promise<Promotion> {
    return inTransaction(this.pool, (client) => moveWithin(client, step));
  }

  /** Keeps a decision; the first word of a person on one piece of evidence stands. Returns what stands, and whether it is new. */
  async decide(attempt: string, given: Decision): Promise<{ decision: PromotionDecision; created: boolean }> {
    return inTransaction(this.pool, async (client) => {
      const { requestedBy } = await locked(client, attempt);
      if (samePerson(requestedBy, given.by)) throw ownRequest(given.by);
      const made = await client.query(
        `insert into promotion_decisions (attempt, evidence_sha256, by, verdict, why, at) values ($1, $2, $3, $4, $5, $6)
         on conflict do nothing`,
        [attempt, given.evidence, given.by, given.verdict, given.why, given.at],
      );
      const { rows } = await client.query(
        `select ${DECISION} from promotion_decisions where attempt = $1 and evidence_sha256 = $2 and by = $3`,
        [attempt, given.evidence, given.by],
      );
      return { decision: decisionOf(rows[0]), created: made.rowCount === 1 };
    });
  }

  /** Delivers a reminder; false where it was delivered before. */
  async remind({ attempt, evidence, number, escalated, missed, text }: NewReminder): Promise<boolean> {
    const made = await this.pool.query(
      `insert into promotion_reminders (attempt, evidence_sha256, number, escalated, missed, text) values ($1, $2, $3, $4, $5, $6)
       on conflict do nothing`,
      [attempt, evidence, number, escalated, missed, text],
    );
    return made.rowCount === 1;
  }

  async find(attempt: string): Promise<Promotion | undefined> {
    const { rows } = await this.pool.query('select * from promotions where attempt = $1', [attempt]);
    return rows.length === 0 ? undefined : promotionOf(rows[0]);
  }

  /** The newest first; of one id or one model only, if given. */
  async list({ id, model, limit = 50 }: { id?: string; model?: string; limit?: number } = {}): Promise<Promotion[]> {
    const { rows } = await this.pool.query(
      `select * from promotions where ($1::text is null or id = $1) and ($2::text is null or model = $2)
       order by requested_at desc limit $3`,
      [id ?? null, model ?? null, limit],
    );
    return rows.map(promotionOf);
  }

  async events(attempt: string): Promise<PromotionEvent[]> {
    const { rows } = await this.pool.query(
      `select at, operation, before, after, by, why, evidence_sha256 as evidence from promotion_events where attempt = $1 order by position`,
      [attempt],
    );
    return rows.map(promotionEventOf);
  }

  async decisions(attempt: string): Promise<PromotionDecision[]> {
    const { rows } = await this.pool.query(
      `select ${DECISION} from promotion_decisions where attempt = $1 order by at, by`,
      [attempt],
    );
    return rows.map(decisionOf);
  }

  async reminders(attempt: string): Promise<PromotionReminder[]> {
    const { rows } = await this.pool.query(
      `select evidence_sha256 as evidence, number, escalated, missed, text, at from promotion_reminders where attempt = $1 order by at, number`,
      [attempt],
    );
    return rows.map(reminderOf);
  }
}

const DECISION = 'evidence_sha256 as evidence, by, verdict, why, at';

/** The same step inside a transaction of somebody else's: what must be true together with another change or not at all. */
export const moveWithin = async (client: PoolClient, step: PromotionStep): Promise<Promotion> => {
  const promotion = await locked(client, step.attempt);
  const done = await client.query<{ after: string }>('select after from promotion_events where operation = $1', [
    operationOf(step),
  ]);
  if (done.rows[0]?.after === step.to) return promotion;
  if (done.rows[0] !== undefined || !mayFollow(promotion.state, step.to)) throw illegal(promotion, step);
  const { rows } = await client.query(
    `update promotions set state = $2, changed_at = clock_timestamp(), evidence_sha256 = coalesce($3, evidence_sha256),
       headline = coalesce($4, headline), reasons = coalesce($5::jsonb, reasons), version = coalesce($6, version)
     where attempt = $1 returning *`,
    [
      step.attempt,
      step.to,
      step.evidence ?? null,
      step.headline ?? null,
      step.reasons === undefined ? null : JSON.stringify(step.reasons),
      step.version ?? null,
    ],
  );
  await recordEvent(client, { ...step, before: promotion.state });
  return promotionOf(rows[0]);
};

const locked = async (client: PoolClient, attempt: string): Promise<Promotion> => {
  const { rows } = await client.query('select * from promotions where attempt = $1 for update', [attempt]);
  if (rows.length > 0) return promotionOf(rows[0]);
  throw new PerennialError('UNKNOWN_NAME', 'No such promotion', { field: 'attempt', value: attempt });
};

const operationOf = ({ attempt, step }: Pick<PromotionStep, 'attempt' | 'step'>): string => `${attempt}:${step}`;

const recordEvent = async (
  client: PoolClient,
  step: PromotionStep & { readonly before: PromotionState | null },
): Promise<void> => {
  await client.query(
    `insert into promotion_events (operation, attempt, before, after, by, why, evidence_sha256) values ($1, $2, $3, $4, $5, $6, $7)`,
    [operationOf(step), step.attempt, step.before, step.to, step.by, step.why, step.evidence ?? null],
  );
};

const ownRequest = (by: string): PerennialError =>
  new PerennialError('INVALID_INPUT', 'Nobody decides on what he asked for himself', { field: 'by', value: by });

const illegal = ({ attempt, state }: Promotion, { to, step }: PromotionStep): PerennialError =>
  new PerennialError('CONTRACT_BROKEN', `A promotion that is ${state} cannot become ${to}`, {
    field: step,
    value: attempt,
  });
