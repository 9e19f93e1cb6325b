-- Goods that customers sent back, apart from the events so that no sale is ever negative. One row per returned invoice line.
with lines as (
  select * from silver.invoice_lines where kind = 'return'
),
returned as (
  select
    line_id as return_id,
    'invoices' as source,
    user_id,
    product_id,
    invoice_no as credit_note,
    price,
    abs(quantity)::integer as quantity,
    (price * abs(quantity))::decimal(18, 2) as amount,
    event_date,
    event_time,
    known_at
  from lines
)
select * from returned
