-- The shop's day in figures. One row per source and day with at least one event or return.
with days as (
  select
    source,
    event_date,
    count(*)::bigint as events,
    count(*) filter (event_type = 'view')::bigint as views,
    count(*) filter (event_type = 'cart')::bigint as carts,
    count(*) filter (event_type = 'remove_from_cart')::bigint as removals,
    count(*) filter (event_type = 'purchase')::bigint as purchases,
    count(distinct user_id)::bigint as active_users
  from silver.events
  group by source, event_date
),
sales as (
  select
    source,
    event_date,
    count(distinct user_id)::bigint as buyers,
    count(distinct (user_id, order_id))::bigint as orders,
    sum(quantity)::bigint as items,
    sum(price * quantity)::decimal(18, 2) as revenue
  from silver.events
  where event_type = 'purchase'
  group by source, event_date
),
refunds as (
  select source, event_date, count(*)::bigint as returns, sum(amount)::decimal(18, 2) as returned
  from silver.returns
  group by source, event_date
),
kpis as (
  select
    source,
    event_date,
    coalesce(events, 0) as events,
    coalesce(views, 0) as views,
    coalesce(carts, 0) as carts,
    coalesce(removals, 0) as removals,
    coalesce(purchases, 0) as purchases,
    coalesce(active_users, 0) as active_users,
    coalesce(buyers, 0) as buyers,
    coalesce(orders, 0) as orders,
    coalesce(items, 0) as items,
    coalesce(returns, 0) as returns,
    coalesce(revenue, 0)::decimal(18, 2) as revenue,
    coalesce(returned, 0)::decimal(18, 2) as returned,
    (revenue / orders)::decimal(18, 2) as average_order_value,
    coalesce(buyers, 0) / nullif(active_users, 0) as conversion_rate
  from days
  left join sales using (source, event_date)
  full join refunds using (source, event_date)
)
select * from kpis
