-- Where every loaded row went, per source and day: the books that must balance with the ledger of files.
with loaded_files as (
  select source, file_id from bronze.files where status = 'loaded'
),
click_rows as (
  select event_time::date as event_date, count(*) as loaded
  from bronze.clickstream
  where file_id in (select file_id from loaded_files where source = 'clickstream')
  group by all
),
click_events as (
  select event_date, count(*) as events from silver.events where source = 'clickstream' group by all
),
click_books as (
  select
    'clickstream' as source,
    event_date,
    loaded,
    coalesce(events, 0) as events,
    0 as returns,
    loaded - coalesce(events, 0) as repeats,
    0 as without_customer,
    0 as adjustments,
    0 as without_price
  from click_rows full join click_events using (event_date)
),
invoice_rows as (
  select InvoiceDate::date as event_date, count(*) as loaded
  from bronze.invoices
  where file_id in (select file_id from loaded_files where source = 'invoices')
  group by all
),
invoice_kinds as (
  select
    event_date,
    count(*) filter (kind = 'sale') as events,
    count(*) filter (kind = 'return') as returns,
    count(*) filter (kind = 'repeat') as repeats,
    count(*) filter (kind = 'without_customer') as without_customer,
    count(*) filter (kind = 'adjustment') as adjustments,
    count(*) filter (kind = 'without_price') as without_price
  from silver.invoice_lines
  group by all
),
invoice_books as (
  select 'invoices' as source, event_date, loaded, columns(* exclude (event_date, loaded))
  from invoice_rows full join invoice_kinds using (event_date)
),
books as (
  select * from click_books
  union all by name
  select * from invoice_books
)
select
  source,
  event_date,
  coalesce(loaded, 0)::bigint as loaded,
  coalesce(events, 0)::bigint as events,
  coalesce(returns, 0)::bigint as returns,
  coalesce(repeats, 0)::bigint as repeats,
  coalesce(without_customer, 0)::bigint as without_customer,
  coalesce(adjustments, 0)::bigint as adjustments,
  coalesce(without_price, 0)::bigint as without_price
from books
