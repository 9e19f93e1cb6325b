// Steps that leave no table behind: their result is kept by key, so that a retry or a second run finds it instead of computing it again.
import type { Deps } from './deps.ts';

export interface StepResult<T> {
  readonly result: T;
  readonly reused: boolean;
}

/** The result kept under `key`, or that of `work`, kept from now on. Two racing attempts agree on whichever was kept first. */
export const once = async <T extends object>(
  { pool, crash }: Deps,
  { key, stage, lineage }: { key: string; stage: string; lineage: Readonly<Record<string, unknown>> },
  work: () => Promise<T>,
): Promise<StepResult<T>> => {
  const kept = await pool.query<{ result: T }>('select result from steps where key = $1', [key]);
  if (kept.rows[0]) return { result: kept.rows[0].result, reused: true };
  const fresh = await work();
  crash('after-write');
  const written = await pool.query<{ result: T }>(
    `insert into steps (key, stage, result, lineage) values ($1, $2, $3, $4)
     on conflict (key) do update set stage = steps.stage returning result`,
    [key, stage, JSON.stringify(fresh), JSON.stringify(lineage)],
  );
  crash('after-commit');
  return { result: written.rows[0]?.result ?? fresh, reused: false };
};
