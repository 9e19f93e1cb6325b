-- What each visit came to: how long, how much was looked at, whether it bought or left a cart behind. One row per session.
with sessions as (
  select * from silver.sessions
),
judged as (
  select
    source,
    user_id,
    session_id,
    events,
    views,
    carts,
    purchases,
    distinct_products,
    date_diff('second', started_at, ended_at)::bigint as duration_seconds,
    purchases > 0 as converted,
    carts > 0 and purchases = 0 as cart_abandoned,
    revenue,
    started_at::date as session_date,
    started_at,
    ended_at
  from sessions
)
select * from judged
