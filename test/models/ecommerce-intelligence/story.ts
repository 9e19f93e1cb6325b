// The small story that golden-row tests of this use case tell: a few days of clicks and invoices, written as text.
import type { DuckDb } from '../../../adapters/duckdb/session.ts';
import { literal } from '../../../core/sql.ts';
import type { TableName } from '../../../core/table.ts';
import { ecommerceIntelligence } from '../../../models/ecommerce-intelligence/index.ts';
import { buildTables, openTables, setMoments, type TestSettings, tablesNamed } from '../../support/tables.ts';

/** All tables, inputs before those who read them. */
export const ORDER: readonly TableName[] = [
  'silver.invoice_lines',
  'silver.events',
  'silver.returns',
  'silver.row_accounting',
  'silver.sessions',
  'gold.dim_users',
  'gold.dim_products',
  'gold.dim_dates',
  'gold.fact_sessions',
  'gold.fact_orders',
  'gold.fact_daily_kpis',
  'gold.funnel_daily',
  'gold.rfm',
  'gold.cohort_retention',
  'gold.product_affinity',
  'features.customer_sessions',
  'features.customer_purchases',
  'features.customer_tastes',
  'features.customer_daily',
  'features.purchase_label',
];

export interface Delivery {
  readonly file: string;
  readonly source: 'clickstream' | 'invoices';
  readonly status?: 'loaded' | 'superseded';
  /** When its rows became known. */
  readonly knownAt?: string;
  /** The contract's columns in order, comma-separated, empty for null; a session is one letter. */
  readonly rows: readonly string[];
}

const session = (letter: string): string => `00000000-0000-4000-8000-00000000000${letter}`;

const cellOf = (text: string): string => (text === '' ? 'null' : literal(text));

const tuple = (delivery: Delivery, row: string, line: number): string => {
  const cells = row.split(',').map((cell) => cell.trim());
  const last = cells.length - 1;
  if (delivery.source === 'clickstream' && cells[last]) cells[last] = session(cells[last]);
  return `(${[...cells.map(cellOf), literal(delivery.file), line, `timestamp '${delivery.knownAt ?? '2030-01-01'}'`].join(', ')})`;
};

/** Puts a file's rows into bronze and its line into the ledger. */
export const deliver = async (db: DuckDb, delivery: Delivery): Promise<void> => {
  const { file, source, rows, status = 'loaded' } = delivery;
  if (rows.length > 0)
    await db.run(`insert into bronze.${source} values ${rows.map((row, i) => tuple(delivery, row, i + 2)).join(', ')}`);
  await db.run(
    `insert into bronze.files (source, file_id, file_name, version, rows_in, loaded, quarantined, status)
     values ('${source}', '${file}', '${file}', 1, ${rows.length}, ${rows.length}, 0, '${status}')`,
  );
};

/** A database in which the story was delivered and all tables up to the last one named were built. */
export const told = async (
  deliveries: readonly Delivery[],
  settings: TestSettings,
  upTo: TableName = 'features.purchase_label',
): Promise<DuckDb> => {
  const db = await openTables(ecommerceIntelligence);
  for (const delivery of deliveries) await deliver(db, delivery);
  await setMoments(db, settings);
  await buildTables(db, tablesNamed(ecommerceIntelligence, ORDER.slice(0, ORDER.indexOf(upTo) + 1)));
  return db;
};
