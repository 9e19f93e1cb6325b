-- What was known of each customer at each moment T of `cuts`: nothing at or after T counts. One row per user active in the window and moment.
-- `known_at` is when the newest fact behind a row was ingested. A day lies in the windows of several moments; its number `windows` has one bit for each, so that the events are read once, not once a moment.
with cuts as (
  select unnest(getvariable('cuts')) as as_of, generate_subscripts(getvariable('cuts'), 1) as cut
),
days as (
  select day::date as event_date, sum(1::bigint << cut)::bigint as windows
  from cuts, unnest(range(as_of - to_days(getvariable('observation_days')), as_of, interval 1 day)) as observed(day)
  group by day
),
windows as (
  select distinct windows, as_of from days join cuts on days.windows & (1::bigint << cut) <> 0
),
observed as not materialized (
  select user_id, event_date, event_time, event_type, product_id, known_at, windows
  from silver.events join days using (event_date)
  where source = getvariable('source')
),
first_events as (
  select user_id, first.event_time as first_ever, first.known_at as first_known
  from (
    select user_id, min({event_time: event_time, known_at: known_at}) as first
    from silver.events where source = getvariable('source') group by user_id
  )
),
counts as (
  select
    user_id,
    windows,
    count(*) as events,
    count(*) filter (event_type = 'cart') as carts,
    count(*) filter (event_type = 'view') as views,
    min(event_time) as first_time,
    max(event_time) as last_time,
    max(known_at) as known_at
  from observed
  group by user_id, windows
),
activity as (
  select
    user_id,
    as_of,
    sum(events)::bigint as total_events,
    sum(carts)::bigint as carts,
    sum(views)::bigint as views,
    min(first_time) as first_time,
    max(last_time) as last_time,
    max(known_at) as known_at
  from counts join windows using (windows)
  group by user_id, as_of
),
products_seen as (
  select user_id, bit_or(windows) as windows from observed where product_id is not null group by user_id, product_id
),
product_counts as (
  select user_id, windows, count(*) as products from products_seen group by user_id, windows
),
products as (
  select user_id, as_of, sum(products)::bigint as unique_products
  from product_counts join cuts on product_counts.windows & (1::bigint << cut) <> 0
  group by user_id, as_of
),
cart_days as (
  select user_id, windows, count(distinct event_date) as days from observed where event_type = 'cart' group by user_id, windows
),
carting as (
  select user_id, as_of, sum(days)::bigint as cart_days
  from cart_days join windows using (windows)
  group by user_id, as_of
),
customers as (
  select
    user_id,
    as_of,
    total_events,
    carts,
    views,
    (epoch_us(last_time) - epoch_us(first_time)) / 86400000000 as active_span_days,
    (epoch_us(as_of) - epoch_us(last_time)) / 86400000000 as recency_days,
    average_session_seconds as avg_session_duration,
    coalesce(unique_products, 0) as unique_products,
    rfm_score,
    (rfm_score is not null)::integer as has_prior_purchase,
    primary_category,
    preferred_brand,
    (epoch_us(as_of) - epoch_us(first_ever)) / 86400000000 as tenure_days,
    coalesce(orders, 0) as orders,
    coalesce(orders_30d, 0) as orders_30d,
    coalesce(orders_90d, 0) as orders_90d,
    coalesce(lines, 0) as purchase_lines,
    coalesce(products, 0) as purchased_products,
    coalesce(spend, 0)::double as spend,
    coalesce(spend_30d, 0)::double as spend_30d,
    coalesce(spend_90d, 0)::double as spend_90d,
    average_price,
    purchase_recency_days,
    purchase_interval_days,
    purchase_overdue_ratio,
    coalesce(purchase_momentum, 0) as purchase_momentum,
    coalesce(sessions, 0) as sessions,
    coalesce(cart_days, 0) as cart_days,
    greatest(activity.known_at, first_known, customer_purchases.known_at) as known_at
  from activity
  join first_events using (user_id)
  left join products using (user_id, as_of)
  left join carting using (user_id, as_of)
  left join features.customer_sessions using (user_id, as_of)
  left join features.customer_tastes using (user_id, as_of)
  left join features.customer_purchases using (user_id, as_of)
)
select * from customers
