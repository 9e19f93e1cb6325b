// Writes the days of a generated shop: sessions are drawn in the order of days, while other lanes still write the days before.
import path from 'node:path';
import { type DuckDb, literal } from '../../adapters/duckdb/session.ts';
import { priceListSql } from '../../models/ecommerce-intelligence/generator/catalogue.ts';
import {
  EVENT_COLUMNS,
  eventsSql,
  steerSql,
  touchpointsSql,
  viewsToAdd,
} from '../../models/ecommerce-intelligence/generator/events.ts';
import {
  type FileFormat,
  faultTablesSql,
  faultyLinesSql,
  faultyRowsSql,
  fileRowsSql,
  hasRowFaults,
  recordFaultsSql,
} from '../../models/ecommerce-intelligence/generator/faults.ts';
import type { Plan } from '../../models/ecommerce-intelligence/generator/plan.ts';
import { dateAfter } from '../../models/ecommerce-intelligence/generator/season.ts';
import { dayRowsSql, historySql, sessionsSql } from '../../models/ecommerce-intelligence/generator/sessions.ts';
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

/** All days; returns the good rows written. */
export const writeDays = async (lanes: readonly Lane[], plan: Plan, target: Target): Promise<number> => {
  let written = 0;
  try {
    for (let day = 0; day < plan.days; day++) {
      target.signal?.throwIfAborted();
      const lane = lanes[day % lanes.length];
      if (lane === undefined) break;
      await lane.busy;
      written += await drawDay(lane, plan, day, written);
      lane.busy = writeDay(lane.db, plan, day, target);
      // The one who plans the lane's next day hears of a failure; until then it must not count as unheard.
      lane.busy.catch(() => undefined);
      target.onProgress({ stage: 'generate', done: written, total: plan.rows, unit: 'rows' });
    }
    await Promise.all(lanes.map((lane) => lane.busy));
  } finally {
    await Promise.allSettled(lanes.map((lane) => lane.busy));
  }
  return written;
};

/** Draws the day's sessions, steers their views and returns the rows that they make. */
const drawDay = async (lane: Lane, plan: Plan, day: number, written: number): Promise<number> => {
  const { db } = lane;
  const period = Math.floor(day / PRICE_PERIOD_DAYS);
  const drifted = day >= plan.driftDay;
  if (lane.prices !== `${period} ${drifted}`) await db.run(priceListSql(period, drifted));
  lane.prices = `${period} ${drifted}`;
  await db.run(sessionsSql(plan, day));
  const rows = await db.number(dayRowsSql);
  await db.run(steerSql(viewsToAdd(plan, day, written, rows)));
  return db.number('select coalesce(sum(events), 0)::bigint from steered');
};

const writeDay = async (db: DuckDb, plan: Plan, day: number, target: Target): Promise<void> => {
  const { out, format } = target;
  await db.run(historySql);
  const touches = path.join(out, `touchpoints-${dateAfter(plan.from, day)}.csv`);
  await db.run(copyTyped(touchpointsSql(plan, day), touches, 'csv'));
  const file = path.join(out, eventFile(plan, day, format));
  if (hasRowFaults(plan)) return writeFaultyDay(db, plan, day, file, format);
  const sorted = `select ${EVENT_COLUMNS.join(', ')} from (${eventsSql(plan, day)}) order by event_time, user_id`;
  await db.run(copyTyped(sorted, file, format));
};

const writeFaultyDay = async (db: DuckDb, plan: Plan, day: number, file: string, format: FileFormat): Promise<void> => {
  const events = eventsSql(plan, day);
  if (day === 0) for (const sql of faultTablesSql(plan, events)) await db.run(sql);
  for (const sql of fileRowsSql(plan, day, events, format)) await db.run(sql);
  await db.run(
    format === 'parquet' ? copyTyped(faultyRowsSql(), file, format) : copyLines(faultyLinesSql(), file, format),
  );
  await db.run(recordFaultsSql(path.basename(file), format));
};

const gzip = (format: FileFormat): string => (format === 'csv.gz' ? ', compression gzip' : '');

/** A COPY of typed rows; times as the public data set writes them. */
export const copyTyped = (select: string, file: string, format: FileFormat): string =>
  format === 'parquet'
    ? `copy (${select}) to ${literal(file)} (format parquet, compression zstd, compression_level 1)`
    : `copy (${select}) to ${literal(file)} (format csv, header, ${TIME_FORMAT}${gzip(format)})`;

/** A COPY of whole lines, as they are. */
const copyLines = (select: string, file: string, format: FileFormat): string =>
  `copy (${select}) to ${literal(file)} (format csv, header, delimiter '\\t', quote '', escape ''${gzip(format)})`;
