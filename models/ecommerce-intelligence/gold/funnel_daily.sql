-- How far the sessions that began on a day came. A later step implies the earlier ones: a purchase without a recorded cart reached the cart.
-- One row per source and day.
with sessions as (
  select * from gold.fact_sessions
),
funnel as (
  select
    source,
    session_date,
    count(*)::bigint as sessions,
    count(*) filter (views > 0)::bigint as sessions_with_view,
    count(*) filter (carts > 0)::bigint as sessions_with_cart,
    count(*) filter (purchases > 0)::bigint as sessions_with_purchase,
    count(*) filter (views > 0 or carts > 0 or purchases > 0)::bigint as reached_view,
    count(*) filter (carts > 0 or purchases > 0)::bigint as reached_cart,
    count(*) filter (purchases > 0)::bigint as reached_purchase
  from sessions
  group by source, session_date
)
select * from funnel
