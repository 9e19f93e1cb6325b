// The audit of one environment, read: its triggers write it (`migrations/000010_access.sql`). The pool's search_path names the schema.
import type { Pool } from 'pg';
import { z } from 'zod';
import { AuditEntry, type AuditRow, type ChangeQuestion } from '../../core/audit.ts';

const Row = z.strictObject({ seq: z.coerce.number().int(), entry: z.string(), previous: z.string(), hash: z.string() });
const PAGE_ROWS = 1_000;

export class PostgresAudit {
  private readonly pool: Pick<Pool, 'query'>;

  constructor(pool: Pick<Pool, 'query'>) {
    this.pool = pool;
  }

  /** In order, from a place on, a page at a time. */
  async *rows(from = 1): AsyncGenerator<AuditRow> {
    let next = from;
    for (;;) {
      const page = await this.page('where seq >= $1 order by seq limit $2', [next, PAGE_ROWS]);
      yield* page;
      const last = page.at(-1);
      if (page.length < PAGE_ROWS || last === undefined) return;
      next = last.seq + 1;
    }
  }

  /** The newest first. */
  async find({ who, what, since, before, limit }: ChangeQuestion): Promise<AuditEntry[]> {
    const asked = [
      [`entry::jsonb ->> 'who' =`, who],
      [`entry::jsonb ->> 'what' =`, what],
      [`entry::jsonb ->> 'at' >=`, since],
      ['seq <', before],
    ] as const;
    const given = asked.filter(([, value]) => value !== undefined);
    const where = given.map(([condition], i) => `${i === 0 ? 'where' : 'and'} ${condition} $${i + 2}`).join(' ');
    const rows = await this.page(`${where} order by seq desc limit $1`, [limit, ...given.map(([, value]) => value)]);
    return rows.map(({ entry }) => AuditEntry.parse(JSON.parse(entry)));
  }

  private async page(rest: string, values: readonly unknown[]): Promise<AuditRow[]> {
    const { rows } = await this.pool.query(`select seq, entry, previous, hash from audit_log ${rest}`, [...values]);
    return rows.map((row) => Row.parse(row));
  }
}
