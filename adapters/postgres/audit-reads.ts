// The reads of one environment, chained (`migrations/000018_audit_reads.sql`): written by the API, read by whoever asks who looked at whom,
// expired by upkeep. The pool's search_path names the environment's schema.
import type { Pool } from 'pg';
import { z } from 'zod';
import type { AuditHead, AuditRow } from '../../core/audit.ts';
import { type FoundRead, NotedRead, narrowed, READ_CURSOR, type ReadQuestion } from '../../core/audit-read.ts';
import { orRefused } from './refusal.ts';

const Row = z.strictObject({ seq: z.coerce.number().int(), entry: z.string(), previous: z.string(), hash: z.string() });
const Found = z.strictObject({ seq: z.coerce.number().int(), n: z.coerce.number().int(), read: NotedRead });
const Expiry = z.object({ through_seq: z.int(), through_hash: z.string() });
const Old = z.strictObject({ batches: z.coerce.number().int() });

/** A batch may be large, and between two pages others are answered. */
const PAGE_ROWS = 20;

export class PostgresAuditReads {
  private readonly pool: Pick<Pool, 'query'>;

  constructor(pool: Pick<Pool, 'query'>) {
    this.pool = pool;
  }

  /** Whole or not at all; the same batch again changes nothing. @throws PerennialError INVALID_INPUT for what can never be stored. */
  async write({ id, rows }: { readonly id: string; readonly rows: readonly NotedRead[] }): Promise<void> {
    const text = 'insert into audit_reads (batch, entry) values ($1, $2) on conflict (batch) do nothing';
    const values = [id, JSON.stringify(rows)];
    await orRefused('batch', this.pool.query({ name: 'audit-reads-write', text, values }));
  }

  /** In order, from a place on, a page at a time. */
  async *rows(from = 1): AsyncGenerator<AuditRow> {
    let next = from;
    for (;;) {
      const text = 'select seq, entry, previous, hash from audit_reads where seq >= $1 order by seq limit $2';
      const { rows } = await this.pool.query(text, [next, PAGE_ROWS]);
      const page = rows.map((row) => Row.parse(row));
      yield* page;
      const last = page.at(-1);
      if (page.length < PAGE_ROWS || last === undefined) return;
      next = last.seq + 1;
    }
  }

  /** Where the chain begins since the last expiry, as the audit of changes knows it; undefined: nothing has expired. */
  async begin(): Promise<AuditHead | undefined> {
    const { rows } = await this.pool.query<{ entry: string }>(
      `select entry from audit_log where entry::jsonb ->> 'what' = 'audit_read_expiries insert' order by seq desc limit 1`,
    );
    if (rows[0] === undefined) return undefined;
    const { row } = z.object({ row: Expiry }).parse(JSON.parse(rows[0].entry));
    return { seq: row.through_seq, hash: row.through_hash };
  }

  /** The newest first. */
  async find(question: ReadQuestion): Promise<FoundRead[]> {
    const { where, values } = conditions(question);
    const { rows } = await this.pool.query(
      `select seq, n, read from audit_reads, jsonb_array_elements(entry::jsonb -> 'reads') with ordinality as noted (read, n)
       ${where} order by seq desc, n desc limit $${values.length + 1}`,
      [...values, question.limit],
    );
    return rows.map((row) => {
      const { seq, n, read } = Found.parse(row);
      return { ...narrowed(read, question), cursor: `${seq}-${n}` };
    });
  }

  /** How many batches are older than a moment. */
  async olderThan(before: string): Promise<number> {
    const { rows } = await this.pool.query(
      `select count(*) as batches from audit_reads where entry::jsonb ->> 'at' < $1`,
      [before],
    );
    return Old.parse(rows[0]).batches;
  }

  /** Deletes what is older than a moment, and records where the chain begins from then on. Returns how many batches went. */
  async expire(before: string, by: string): Promise<number> {
    const { rows } = await this.pool.query(
      'insert into audit_read_expiries (expire_before, by) values ($1, $2) returning batches',
      [before, by],
    );
    return rows.length === 0 ? 0 : Old.parse(rows[0]).batches;
  }
}

/** The containments are what the index answers; the rest picks among what it found. */
const conditions = ({ who, entity, since, before }: ReadQuestion): { where: string; values: unknown[] } => {
  const values: unknown[] = [];
  const given = (value: unknown): string => `$${values.push(value)}`;
  const asked = { ...(who !== undefined && { who }), ...(entity !== undefined && { entities: [entity] }) };
  const [, seq, n] = READ_CURSOR.exec(before ?? '') ?? [];
  const parts = [
    ...(Object.keys(asked).length === 0
      ? []
      : [`entry::jsonb -> 'reads' @> ${given(JSON.stringify([asked]))}`, `read @> ${given(JSON.stringify(asked))}`]),
    ...(since === undefined ? [] : [`entry::jsonb ->> 'at' >= ${given(since)}`, `read ->> 'until' >= ${given(since)}`]),
    ...(seq === undefined ? [] : [`(seq, n) < (${given(seq)}, ${given(n)})`]),
  ];
  return { where: parts.length === 0 ? '' : `where ${parts.join(' and ')}`, values };
};
