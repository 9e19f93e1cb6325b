// What MLflow was last made to show of what cannot be read off the registry again, and what was found changed there. For registration,
// promotion and the reconciler.
import type { Pool } from 'pg';
import { z } from 'zod';
import type { Finding } from '../../core/reconcile.ts';

const Row = z
  .strictObject({
    kind: z.enum(['lost', 'hand-made']),
    model: z.string(),
    subject: z.string(),
    found: z.string().nullable(),
    truth: z.string().nullable(),
    deed: z.enum(['made again', 'set back', 'left']),
    changed_by: z.string().nullable(),
    changed_at: z.date().nullable(),
  })
  .transform(
    ({ changed_by, changed_at, ...rest }): Finding => ({
      ...rest,
      changedBy: changed_by,
      changedAt: changed_at?.toISOString() ?? null,
    }),
  );

/** What the ledger calls an alias, and a tag of a version. */
export const aliasSubject = (alias: string): string => `alias ${alias}`;
export const tagSubject = (version: number, tag: string): string => `version ${version} tag ${tag}`;

export class PostgresMlflowLedger {
  private readonly pool: Pick<Pool, 'query'>;

  constructor(pool: Pick<Pool, 'query'>) {
    this.pool = pool;
  }

  /** Models that the registry knows. */
  async models(): Promise<string[]> {
    const { rows } = await this.pool.query<{ model: string }>('select model from registered_models order by model');
    return rows.map(({ model }) => model);
  }

  /** Version by alias, as the registry has it. */
  async aliases(model: string): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.pool.query<{ alias: string; version: string }>(
      'select alias, version from aliases where model = $1 order by alias',
      [model],
    );
    return new Map(rows.map(({ alias, version }) => [alias, Number(version)]));
  }

  /** Notes what MLflow is made to show; the same again changes nothing. */
  async note(model: string, subject: string, value: string): Promise<void> {
    await this.pool.query(
      `insert into mlflow_shown as old (model, subject, value) values ($1, $2, $3)
       on conflict (model, subject) do update set value = excluded.value where old.value <> excluded.value`,
      [model, subject, value],
    );
  }

  /** What MLflow was last made to show of a model, by subject. */
  async shown(model: string): Promise<ReadonlyMap<string, string>> {
    const { rows } = await this.pool.query<{ subject: string; value: string }>(
      'select subject, value from mlflow_shown where model = $1',
      [model],
    );
    return new Map(rows.map(({ subject, value }) => [subject, value]));
  }

  /** Keeps what a run found; the first word about a subject stands, since a retry sees what the first attempt mended. */
  async record(runId: string, findings: readonly Finding[]): Promise<void> {
    for (const { kind, model, subject, found, truth, deed, changedBy, changedAt } of findings) {
      await this.pool.query(
        `insert into mlflow_findings (run_id, kind, model, subject, found, truth, deed, changed_by, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (run_id, model, subject) do nothing`,
        [runId, kind, model, subject, found, truth, deed, changedBy, changedAt],
      );
    }
  }

  /** What a run found of a model (as MLflow names it), in order. */
  async findings(runId: string, model: string): Promise<Finding[]> {
    const { rows } = await this.pool.query(
      `select kind, model, subject, found, truth, deed, changed_by, changed_at from mlflow_findings
       where run_id = $1 and model = $2 order by position`,
      [runId, model],
    );
    return rows.map((row) => Row.parse(row));
  }
}
