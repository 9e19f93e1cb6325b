// Data versions of one environment, kept for ever (`migrations/000008_data_tags.sql`): for the command line, rollback, training from a
// tag, and the lake's maintenance, which may not expire what a tag names. The pool's search_path names the environment's schema.
import type { Pool } from 'pg';
import { z } from 'zod';
import type { DataTag, TagEvent } from '../../core/data-tag.ts';
import { PerennialError } from '../../core/errors.ts';
import type { TableName } from '../../core/table.ts';

const TagRow = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    metadata: z.record(z.string(), z.string()),
    whole: z.boolean(),
    created_by: z.string(),
    created_at: z.date(),
    run_id: z.string(),
    tables: z.array(z.strictObject({ table: z.string(), snapshot: z.int(), key: z.string(), rows: z.int() })),
  })
  .transform(({ created_by, created_at, run_id, tables, ...row }) => ({
    runId: run_id,
    tag: {
      ...row,
      createdBy: created_by,
      createdAt: created_at.toISOString(),
      tables: tables.map((pin) => ({ ...pin, table: pin.table as TableName })),
    } satisfies DataTag,
  }));

const EventRow = z.strictObject({
  at: z.date().transform((time) => time.toISOString()),
  kind: z.enum(['tagged', 'removed', 'rolled back']),
  by: z.string(),
  why: z.string(),
});

const TAGS = `
  select t.*, (select jsonb_agg(jsonb_build_object('table', table_name, 'snapshot', snapshot, 'key', key, 'rows', rows) order by table_name)
               from data_tag_tables where data_tag_tables.name = t.name) as tables
  from data_tags t`;
const REMOVED = `exists (select from data_tag_events e where e.name = t.name and e.kind = 'removed')`;

const INSERT = `
  with tag as (
    insert into data_tags (name, description, metadata, whole, created_by, run_id) values ($1, $2, $3, $4, $5, $6) returning name
  ), tables as (
    insert into data_tag_tables (name, table_name, snapshot, key, rows)
    select $1, "table", snapshot, key, rows from jsonb_to_recordset($7) as ("table" text, snapshot bigint, key text, rows bigint)
  )
  insert into data_tag_events (kind, name, by, why, run_id) values ('tagged', $1, $5, $2, $6)`;

/** Who did it and why; `runId` names the deed, so that doing it again changes nothing. */
export interface Deed {
  readonly by: string;
  readonly why: string;
  readonly runId: string;
}

export class PostgresDataTags {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** Keeps a tag; the same run again gets the tag it made. `INVALID_INPUT` where the name means something else already. */
  async add(tag: Omit<DataTag, 'createdAt'>, runId: string): Promise<DataTag> {
    const { name, description, metadata, whole, createdBy, tables } = tag;
    const values = [name, description, metadata, whole, createdBy, runId, JSON.stringify(tables)];
    const clash = await this.pool.query(INSERT, values).then(() => false, isDuplicate);
    const [kept] = await this.rows('where t.name = $1', [name]);
    if (kept && (!clash || kept.runId === runId)) return kept.tag;
    throw new PerennialError('INVALID_INPUT', 'This name is taken: a tag never comes to mean something else', {
      field: 'name',
      value: name,
      mend: 'Choose another name.',
    });
  }

  /** `UNKNOWN_NAME` for a tag that never was or has been removed. */
  get(name: string): Promise<DataTag> {
    return this.standing(name, '');
  }

  /** Removes a tag from sight; what it was stays. */
  async remove(name: string, deed: Deed): Promise<DataTag> {
    const tag = await this.standing(name, deed.runId);
    await this.note(name, 'removed', deed);
    return tag;
  }

  /** Tags that stand, the newest first. */
  async list(): Promise<DataTag[]> {
    return (await this.rows(`where not ${REMOVED} order by created_at desc, name`, [])).map(({ tag }) => tag);
  }

  /** What happened to a tag, in order. */
  async events(name: string): Promise<TagEvent[]> {
    const { rows } = await this.pool.query(
      'select at, kind, by, why from data_tag_events where name = $1 order by position',
      [name],
    );
    return rows.map((row) => EventRow.parse(row));
  }

  /** Notes what was done with a tag; noting it again changes nothing. */
  async note(name: string, kind: 'removed' | 'rolled back', { by, why, runId }: Deed): Promise<void> {
    await this.pool.query(
      `insert into data_tag_events (kind, name, by, why, run_id) values ($1, $2, $3, $4, $5) on conflict do nothing`,
      [kind, name, by, why, runId],
    );
  }

  /** Snapshots of the lake that a standing tag names: the lake's maintenance keeps them readable. */
  async snapshots(): Promise<number[]> {
    const { rows } = await this.pool.query<{ snapshot: string }>(
      `select distinct snapshot from data_tag_tables join data_tags t using (name) where not ${REMOVED} order by 1`,
    );
    return rows.map(({ snapshot }) => Number(snapshot));
  }

  /** A tag that stands, or that this very run has removed. */
  private async standing(name: string, runId: string): Promise<DataTag> {
    const own = `(select from data_tag_events e where e.name = t.name and e.kind = 'removed' and e.run_id = $2)`;
    const [found] = await this.rows(`where t.name = $1 and (not ${REMOVED} or exists ${own})`, [name, runId]);
    if (found) return found.tag;
    const known = (await this.list()).map((tag) => tag.name).join(', ');
    throw new PerennialError('UNKNOWN_NAME', 'No such tag', {
      field: 'tag',
      value: name,
      mend: `Known: ${known || 'none'}`,
    });
  }

  private async rows(condition: string, values: readonly string[]) {
    const { rows } = await this.pool.query(`${TAGS} ${condition}`, [...values]);
    return rows.map((row) => TagRow.parse(row));
  }
}

const isDuplicate = (error: unknown): true => {
  if (error instanceof Error && 'code' in error && error.code === '23505') return true;
  throw error;
};
