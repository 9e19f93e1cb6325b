-- Orders: the purchases of one invoice or, for clicks, of one session. One row per order.
with purchases as (
  select * from silver.events where event_type = 'purchase'
),
orders as (
  select
    source,
    user_id,
    order_id,
    count(*)::bigint as lines,
    count(distinct product_id)::bigint as distinct_products,
    sum(quantity)::bigint as items,
    sum(price * quantity)::decimal(18, 2) as revenue,
    min(event_date) as order_date,
    min(event_time) as ordered_at
  from purchases
  group by source, user_id, order_id
)
select * from orders
