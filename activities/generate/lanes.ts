// Where days are made: a few connections to one DuckDB of a single thread, which share the users and work side by side. One thread writes
// each file, so no number of lanes can change its bytes, and small days keep all cores as busy as large ones.
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { catalogueSql } from '../../models/ecommerce-intelligence/generator/catalogue.ts';
import type { Plan } from '../../models/ecommerce-intelligence/generator/plan.ts';
import { usersSql } from '../../models/ecommerce-intelligence/generator/sessions.ts';

export interface Lane {
  readonly db: DuckDb;
  /** The price period that its price list stands for. */
  prices: string;
}

export interface LaneSettings {
  readonly lanes: number;
  readonly memoryMegabytes: number;
  readonly tempDirectory: string;
}

/** Opens the lanes over one population and catalogue. What a lane makes for itself lies in temporary tables. */
export const openLanes = async (
  plan: Plan,
  { lanes, memoryMegabytes, tempDirectory }: LaneSettings,
): Promise<readonly [Lane, ...Lane[]]> => {
  const db = await DuckDb.open({ threads: 1, memoryLimit: `${memoryMegabytes}MB`, tempDirectory });
  try {
    await db.run('set preserve_insertion_order = true');
    for (const sql of [...catalogueSql(plan.seed, plan.products), ...usersSql(plan)]) await db.run(sql);
    const others = await Promise.all(Array.from({ length: lanes - 1 }, () => db.beside()));
    return [{ db, prices: '' }, ...others.map((beside) => ({ db: beside, prices: '' }))];
  } catch (error) {
    db.close();
    throw error;
  }
};

/** Fills a temporary table on the threads of all lanes, once none of them is busy; files are still written by one. */
export const fillTogether = async (
  [first, ...others]: readonly [Lane, ...Lane[]],
  table: string,
  select: string,
): Promise<void> => {
  await first.db.run(`set threads = ${1 + others.length}`);
  try {
    await first.db.run(`create or replace temp table ${table} as ${select}`);
  } finally {
    await first.db.run('set threads = 1');
  }
};

export const closeLanes = (lanes: readonly Lane[]): void => {
  for (const { db } of [...lanes].reverse()) db.close();
};
