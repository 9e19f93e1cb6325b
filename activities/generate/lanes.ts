// Where days are made: a few DuckDB instances of one thread each, which hold the same users and take turns day by day. One thread writes
// each file, so no number of lanes can change its bytes, and small days keep all cores as busy as large ones.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { DuckDb, literal } from '../../adapters/duckdb/session.ts';
import { catalogueSql } from '../../models/ecommerce-intelligence/generator/catalogue.ts';
import type { Plan } from '../../models/ecommerce-intelligence/generator/plan.ts';
import { usersSql } from '../../models/ecommerce-intelligence/generator/sessions.ts';

export interface Lane {
  readonly db: DuckDb;
  /** The day being written, if any; never rejects before it is awaited by the one who planned it. */
  busy: Promise<void>;
  /** The price period that its price list stands for. */
  prices: string;
}

export interface LaneSettings {
  readonly lanes: number;
  readonly memoryMegabytes: number;
  readonly tempDirectory: string;
}

/** Opens the lanes and gives each its users and catalogue. The memory is shared out evenly. */
export const openLanes = async (
  plan: Plan,
  { lanes, memoryMegabytes, tempDirectory }: LaneSettings,
): Promise<Lane[]> => {
  const memoryLimit = `${Math.floor(memoryMegabytes / lanes)}MB`;
  const open = async (_: unknown, at: number): Promise<Lane> => ({
    db: await DuckDb.open({ threads: 1, memoryLimit, tempDirectory: path.join(tempDirectory, String(at)) }),
    busy: Promise.resolve(),
    prices: '',
  });
  const opened = await Promise.all(Array.from({ length: lanes }, open));
  try {
    await Promise.all(opened.map(({ db }) => populate(db, plan)));
  } catch (error) {
    closeLanes(opened);
    throw error;
  }
  return opened;
};

const populate = async (db: DuckDb, plan: Plan): Promise<void> => {
  await db.run('set preserve_insertion_order = true');
  for (const sql of [...catalogueSql(plan.seed, plan.products), ...usersSql(plan)]) await db.run(sql);
};

export const closeLanes = (lanes: readonly Lane[]): void => {
  for (const { db } of lanes) db.close();
};

/** Brings the sessions that each lane remembers into the first, which then knows the whole history. */
export const gatherHistory = async ([first, ...others]: readonly Lane[], tempDirectory: string): Promise<void> => {
  for (const [at, { db }] of others.entries()) {
    const file = path.join(tempDirectory, `history-${at}.parquet`);
    await db.run(`copy history to ${literal(file)} (format parquet)`);
    await first?.db.run(`insert into history from read_parquet(${literal(file)})`);
    await rm(file);
  }
};
