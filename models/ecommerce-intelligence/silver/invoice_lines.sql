-- Every invoice line of the loaded files, sorted into what it is: sold, returned, or set aside and why. One row per bronze line.
-- A line repeated within one file is kept (a till scans an article twice, both are billed); delivered again by another file, it counts once.
with loaded_files as (
  select file_id from bronze.files where source = 'invoices' and status = 'loaded'
),
lines as (
  select
    file_id,
    line,
    known_at,
    InvoiceDate::date as event_date,
    InvoiceDate as event_time,
    InvoiceNo as invoice_no,
    StockCode as stock_code,
    Description as description,
    Quantity as quantity,
    UnitPrice as unit_price,
    CustomerID::bigint as user_id,
    Country as country
  from bronze.invoices
  where file_id in (select file_id from loaded_files)
),
numbered as (
  select
    *,
    row_number() over (
      partition by file_id, event_time, invoice_no, stock_code, description, quantity, unit_price, user_id, country
      order by line
    ) as occurrence
  from lines
),
delivered as (
  select
    *,
    row_number() over (
      partition by event_time, invoice_no, stock_code, description, quantity, unit_price, user_id, country, occurrence
      order by known_at, file_id, line
    ) as delivery,
    -- Postage, carriage, manual entries, bank charges: billed, but no article one could recommend.
    regexp_matches(stock_code, '^([0-9]{5}|DCGS|gift_|PADS)') as is_product
  from numbered
),
sorted_out as (
  select
    *,
    case
      when delivery > 1 then 'repeat'
      when user_id is null then 'without_customer'
      when invoice_no like 'C%' or quantity < 0 then if(is_product, 'return', 'adjustment')
      when invoice_no like 'A%' or unit_price < 0 then 'adjustment'
      when quantity = 0 or unit_price::decimal(12, 2) = 0 then 'without_price'
      else 'sale'
    end as kind
  from delivered
)
select
  file_id,
  line,
  (hash(invoice_no, stock_code, description, quantity, event_time, unit_price, user_id, country, occurrence) >> 1)::bigint as line_id,
  kind,
  invoice_no,
  user_id,
  if(is_product, stock_code, null) as product_id,
  stock_code,
  description,
  country,
  quantity::integer as quantity,
  unit_price::decimal(12, 2) as price,
  event_date,
  event_time,
  known_at
from sorted_out
