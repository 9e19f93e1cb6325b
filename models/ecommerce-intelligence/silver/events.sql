-- One stream of customer events from all sources: clicks as they are, invoice lines sold as purchases. Exact repeats of a click are removed.
with loaded_files as (
  select file_id from bronze.files where source = 'clickstream' and status = 'loaded'
),
-- Of rows that agree in every column of the contract the earliest knowledge stays.
distinct_clicks as (
  select
    event_time, event_type, product_id, category_id, category_code, brand, price, user_id, user_session,
    min(known_at) as known_at
  from bronze.clickstream
  where file_id in (select file_id from loaded_files)
  group by event_time, event_type, product_id, category_id, category_code, brand, price, user_id, user_session
),
click_events as (
  select
    (hash(event_time, event_type, product_id, category_id, category_code, brand, price, user_id, user_session) >> 1)::bigint
      as event_id,
    'clickstream' as source,
    user_id::bigint as user_id,
    product_id::varchar as product_id,
    user_session,
    -- What one session buys is one order; without a session, what a user buys in one day.
    case
      when event_type = 'purchase' then coalesce(user_session::varchar, user_id || '/' || event_time::date)
    end as order_id,
    category_id,
    event_type,
    category_code,
    brand,
    null::varchar as product_name,
    null::varchar as country,
    price,
    1::integer as quantity,
    event_time::date as event_date,
    event_time,
    known_at
  from distinct_clicks
),
invoice_events as (
  select
    line_id as event_id,
    'invoices' as source,
    user_id,
    product_id,
    null::uuid as user_session,
    invoice_no as order_id,
    null::bigint as category_id,
    'purchase' as event_type,
    null::varchar as category_code,
    null::varchar as brand,
    if(product_id is null, null, description) as product_name,
    country,
    price,
    quantity,
    event_date,
    event_time,
    known_at
  from silver.invoice_lines
  where kind = 'sale'
),
unified as (
  select * from click_events
  union all
  select * from invoice_events
)
select * from unified
