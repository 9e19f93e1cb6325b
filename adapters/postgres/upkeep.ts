// What the registry needs of the lake's history, and the account of what was done to the lake. The pool's search_path names the
// environment's schema (`migrations/000007_upkeep.sql`). For the activities of `maintain` and `sweep`.
import type { Pool } from 'pg';
import { z } from 'zod';

const Version = z.object({
  model: z.string(),
  version: z.coerce.number(),
  aliases: z.array(z.string()),
  lineage: z.looseObject({
    environment: z.string(),
    inputs: z.array(z.object({ table: z.string(), snapshot: z.int(), key: z.string() })),
  }),
});

/** A version with the tables it was trained from, in the lake of `lineage.environment`. */
export type TrainedVersion = Readonly<z.infer<typeof Version>>;

export const trainedVersions = async (pool: Pool): Promise<readonly TrainedVersion[]> => {
  const { rows } = await pool.query(
    `select model, version, lineage, array_remove(array_agg(alias), null) as aliases
     from model_versions left join aliases using (model, version) group by model, version, lineage`,
  );
  return rows.map((row) => Version.parse(row));
};

export interface UpkeepAccount {
  readonly kind: 'maintain' | 'sweep';
  readonly workflow: string;
  /** Run of the workflow: told again, it is not told twice. */
  readonly run: string;
  readonly result: unknown;
}

export const recordUpkeep = async (pool: Pool, { kind, workflow, run, result }: UpkeepAccount): Promise<void> => {
  await pool.query(
    `insert into upkeep_events (kind, workflow, run_id, result) values ($1, $2, $3, $4) on conflict (run_id) do nothing`,
    [kind, workflow, run, JSON.stringify(result)],
  );
};
