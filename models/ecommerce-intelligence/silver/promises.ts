// What the silver tables promise: every loaded row told apart, typed, and accounted for.
import { always, byDay, byUser, conserved, purchasesOf, type TablePromise } from '../laws.ts';

const LOADED = `(select source, file_id from bronze.files where status = 'loaded')`;
const loadedRows = (source: string) =>
  `select count(*) from bronze.${source} where file_id in (select file_id from ${LOADED} where source = '${source}')`;

export const silver: readonly TablePromise[] = [
  {
    name: 'silver.invoice_lines',
    description: 'Invoice lines of loaded files, sorted into sales, returns and what belongs to neither',
    grain: 'one row per bronze invoice line',
    key: ['event_date', 'file_id', 'line'],
    incremental: byDay('bronze.invoices'),
    laws: [
      conserved('every loaded line is here', 'select count(*) from this', loadedRows('invoices')),
      always(
        'a sale has a customer, a quantity and a price',
        `kind <> 'sale' or (user_id > 0 and quantity > 0 and price > 0)`,
      ),
      always(
        'a return has a customer and an article',
        `kind <> 'return' or (user_id is not null and product_id is not null)`,
      ),
    ],
  },
  {
    name: 'silver.events',
    description: 'Customer events of all sources: typed, told apart, in one total order (event_time, event_id)',
    grain: 'one row per distinct event',
    key: ['event_date', 'event_id'],
    incremental: byDay('bronze.clickstream', 'silver.invoice_lines'),
    laws: [
      always('amounts are not negative', 'price >= 0 and quantity > 0'),
      always('a purchase belongs to an order, nothing else does', `(event_type = 'purchase') = (order_id is not null)`),
      conserved(
        'every sale is a purchase',
        `select count(*) from this where source = 'invoices'`,
        `select count(*) from silver.invoice_lines where kind = 'sale'`,
      ),
    ],
  },
  {
    name: 'silver.returns',
    description: 'Goods sent back',
    grain: 'one row per returned invoice line',
    key: ['event_date', 'return_id'],
    incremental: byDay('silver.invoice_lines'),
    laws: [
      always('a return gives money back', 'quantity > 0 and amount >= 0'),
      conserved(
        'every return is here',
        'select count(*) from this',
        `select count(*) from silver.invoice_lines where kind = 'return'`,
      ),
    ],
  },
  {
    name: 'silver.row_accounting',
    description: 'Where every loaded row went',
    grain: 'one row per source and day',
    key: ['source', 'event_date'],
    laws: [
      always(
        'every row went somewhere',
        'repeats >= 0 and loaded = events + returns + repeats + without_customer + adjustments + without_price',
      ),
      {
        name: 'the books agree with the ledger',
        violations: `select * from
            (select source, sum(loaded) as rows_in_books from this group by source)
            full join (select source, sum(loaded) as rows_in_ledger from bronze.files where status = 'loaded' group by source) using (source)
          where coalesce(rows_in_books, 0) <> coalesce(rows_in_ledger, 0)`,
      },
    ],
  },
  {
    name: 'silver.sessions',
    description: 'Visits, named by the source or inferred from pauses of more than 30 minutes',
    grain: 'one row per user and session',
    key: ['user_id', 'source', 'session_id'],
    incremental: byUser('silver.events'),
    laws: [
      conserved('sessions partition the events', 'select sum(events) from this', 'select count(*) from silver.events'),
      conserved('revenue is conserved', 'select sum(revenue) from this', purchasesOf('silver.events')),
      always('events are of a known kind', 'events = views + carts + removals + purchases'),
      always('a session does not end before it begins', 'started_at <= ended_at'),
    ],
  },
];
