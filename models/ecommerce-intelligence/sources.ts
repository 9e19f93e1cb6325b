// The files that arrive: a shop's clicks, and a wholesaler's invoices. What a row must be to be let in.
import { z } from 'zod';
import type { ColumnMeta, Source } from '../../core/source.ts';

const column = <T extends z.ZodType>(schema: T, meta: ColumnMeta): T => schema.meta({ ...meta });

/** The columns of the "eCommerce behavior data" published by REES46, which the generator writes too. */
export const clickstream: Source = {
  name: 'clickstream',
  description: 'What visitors of a web shop did: views, carts, purchases, one row per event',
  table: 'bronze.clickstream',
  contract: z.strictObject({
    event_time: column(z.string(), { sql: 'TIMESTAMP', formats: ['%Y-%m-%d %H:%M:%S UTC', '%Y-%m-%d %H:%M:%S'] }),
    event_type: column(z.enum(['view', 'cart', 'remove_from_cart', 'purchase']), { sql: 'VARCHAR' }),
    product_id: column(z.int().min(0), { sql: 'INTEGER' }),
    category_id: column(z.int().min(0).nullable(), { sql: 'BIGINT' }),
    category_code: column(z.string().nullable(), { sql: 'VARCHAR' }),
    brand: column(z.string().nullable(), { sql: 'VARCHAR' }),
    price: column(z.number().min(0), { sql: 'DECIMAL(12,2)' }),
    user_id: column(z.int().min(0), { sql: 'INTEGER', tag: 'identifier' }),
    user_session: column(z.uuid().nullable(), { sql: 'UUID', tag: 'identifier' }),
  }),
  eventTime: 'event_time',
  refuseAbove: 0.2,
};

/** UCI "Online Retail" (Chen, 2015). Lines without a customer, credit notes and bookkeeping entries are good rows: silver sorts them out. */
export const invoices: Source = {
  name: 'invoices',
  description: 'Invoice lines of a wholesaler for gifts, credit notes and bookkeeping entries among them',
  table: 'bronze.invoices',
  contract: z.strictObject({
    InvoiceNo: column(z.string().regex(/^[A-Z]?[0-9]{6}$/), { sql: 'VARCHAR' }),
    StockCode: column(z.string().min(1), { sql: 'VARCHAR' }),
    Description: column(z.string().nullable(), { sql: 'VARCHAR' }),
    Quantity: column(z.int(), { sql: 'INTEGER' }),
    InvoiceDate: column(z.string(), { sql: 'TIMESTAMP', formats: ['%Y-%m-%d %H:%M:%S'] }),
    // Three decimals: a few pads cost a tenth of a penny. Below zero: bad debt written off.
    UnitPrice: column(z.number(), { sql: 'DECIMAL(12,3)' }),
    CustomerID: column(z.int().min(0).nullable(), { sql: 'INTEGER', tag: 'identifier' }),
    Country: column(z.string().nullable(), { sql: 'VARCHAR', tag: 'quasi' }),
  }),
  keys: { user_id: 'CustomerID' },
  eventTime: 'InvoiceDate',
  refuseAbove: 0.2,
};
