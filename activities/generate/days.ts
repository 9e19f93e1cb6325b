// Writes the days of a generated shop: each lane takes a batch of days, draws its sessions and writes its files. Only the steering of the row
// count goes by the order of the days.
import path from 'node:path';
import { type DuckDb, literal } from '../../adapters/duckdb/session.ts';
import { priceListSql } from '../../models/ecommerce-intelligence/generator/catalogue.ts';
import { eventsSql, touchpointsSql } from '../../models/ecommerce-intelligence/generator/events.ts';
import {
  type FileFormat,
  faultTablesSql,
  faultyLinesSql,
  faultyRowsSql,
  fileRowsSql,
  hasRowFaults,
  recordFaultsSql,
} from '../../models/ecommerce-intelligence/generator/faults.ts';
import { batches, type Days, daysOf, type Plan } from '../../models/ecommerce-intelligence/generator/plan.ts';
import { dateAfter } from '../../models/ecommerce-intelligence/generator/season.ts';
import { daySumsSql, historySql, sessionsSql } from '../../models/ecommerce-intelligence/generator/sessions.ts';
import { type DaySums, type SteeredDay, steerDay } from '../../models/ecommerce-intelligence/generator/steering.ts';
import type { OnProgress } from '../deps.ts';
import type { Lane } from './lanes.ts';

export interface Target {
  readonly out: string;
  readonly format: FileFormat;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal | undefined;
}

const PRICE_PERIOD_DAYS = 28;
const TIME_FORMAT = `timestampformat '%Y-%m-%d %H:%M:%S UTC'`;

export const eventFile = (plan: Plan, day: number, format: FileFormat): string =>
  `events-${dateAfter(plan.from, day)}.${format}`;

/** All days; returns the good rows written. When a lane fails, the others end with their batch. */
export const writeDays = async (lanes: readonly Lane[], plan: Plan, target: Target): Promise<number> => {
  const waiting = batches(plan);
  let settled = Promise.resolve(0);
  let done = 0;
  const work = async (lane: Lane): Promise<void> => {
    for (let days = waiting.shift(); days !== undefined; days = waiting.shift()) {
      target.signal?.throwIfAborted();
      const turn = steerBatch(plan, settled, drawBatch(lane, plan, days));
      settled = turn.then(({ written }) => written);
      // Whoever waits for it hears of a failure; until then it must not count as unheard.
      settled.catch(() => undefined);
      const { steered } = await turn;
      await lane.db.run(historySql);
      for (const day of steered) {
        target.signal?.throwIfAborted();
        await writeDay(lane, plan, day, target);
        done += day.rows;
        target.onProgress({ stage: 'generate', done, total: plan.rows, unit: 'rows' });
      }
    }
  };
  const ends = await Promise.allSettled(lanes.map((lane) => work(lane).finally(() => waiting.splice(0))));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return settled;
};

/** Draws the sessions of a batch and sums them up by day. */
const drawBatch = async ({ db }: Lane, plan: Plan, days: Days): Promise<DaySums[]> => {
  await db.run(sessionsSql(plan, days));
  const found = new Map((await db.rows(daySumsSql)).map((row) => [Number(row.day), row]));
  return daysOf(days).map((day) => ({
    day,
    rows: Number(found.get(day)?.rows ?? 0),
    spare: Number(found.get(day)?.spare ?? 0),
  }));
};

/** Steers the days of a batch one after the other, from the rows written before it. */
const steerBatch = async (
  plan: Plan,
  before: Promise<number>,
  drawn: Promise<DaySums[]>,
): Promise<{ steered: SteeredDay[]; written: number }> => {
  const sums = await drawn;
  let written = await before;
  let spare = 0;
  const steered = sums.map((sum) => {
    const day = steerDay(plan, written, spare, sum);
    written += day.rows;
    spare += day.spare;
    return day;
  });
  return { steered, written };
};

const writeDay = async (lane: Lane, plan: Plan, steered: SteeredDay, target: Target): Promise<void> => {
  const { out, format } = target;
  const { db } = lane;
  const { day } = steered;
  await listPrices(lane, plan, day);
  const touches = path.join(out, `touchpoints-${dateAfter(plan.from, day)}.csv`);
  await db.run(copyTyped(touchpointsSql(plan, steered), touches, 'csv'));
  const file = path.join(out, eventFile(plan, day, format));
  if (hasRowFaults(plan)) return writeFaultyDay(db, plan, steered, file, format);
  await db.run(copyTyped(`select * exclude h from (${eventsSql(plan, steered)})`, file, format));
};

const listPrices = async (lane: Lane, plan: Plan, day: number): Promise<void> => {
  const period = Math.floor(day / PRICE_PERIOD_DAYS);
  const drifted = day >= plan.driftDay;
  if (lane.prices === `${period} ${drifted}`) return;
  await lane.db.run(priceListSql(period, drifted));
  lane.prices = `${period} ${drifted}`;
};

const writeFaultyDay = async (
  db: DuckDb,
  plan: Plan,
  steered: SteeredDay,
  file: string,
  format: FileFormat,
): Promise<void> => {
  const { day } = steered;
  const events = eventsSql(plan, steered);
  if (day === 0) for (const sql of faultTablesSql(plan, events)) await db.run(sql);
  for (const sql of fileRowsSql(plan, day, events, format)) await db.run(sql);
  await db.run(
    format === 'parquet' ? copyTyped(faultyRowsSql(), file, format) : copyLines(faultyLinesSql(), file, format),
  );
  await db.run(recordFaultsSql(path.basename(file), format));
};

const gzip = (format: FileFormat): string => (format === 'csv.gz' ? ', compression gzip' : '');

/** Measured on generated days: the delta encodings of version 2 are faster and smaller; bloom filters would serve no reader of whole days. */
const PARQUET = 'format parquet, compression zstd, compression_level 1, parquet_version v2, write_bloom_filter false';

/** A COPY of typed rows; times as the public data set writes them. */
export const copyTyped = (select: string, file: string, format: FileFormat): string =>
  format === 'parquet'
    ? `copy (${select}) to ${literal(file)} (${PARQUET})`
    : `copy (${select}) to ${literal(file)} (format csv, header, ${TIME_FORMAT}${gzip(format)})`;

/** A COPY of whole lines, as they are. */
const copyLines = (select: string, file: string, format: FileFormat): string =>
  `copy (${select}) to ${literal(file)} (format csv, header, delimiter '\\t', quote '', escape ''${gzip(format)})`;
