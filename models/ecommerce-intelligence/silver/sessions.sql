-- Visits: the source's own session where it names one, else a user's events with no pause longer than 30 minutes. One row per session.
-- Whether an event opens a session depends on earlier events alone, so the sessions known at a moment are prefixes of those known later.
with events as (
  select * from silver.events
),
unnamed as (
  select
    *,
    event_time - lag(event_time) over visits > interval 30 minutes as after_pause
  from events
  where user_session is null
  window visits as (partition by source, user_id order by event_time, event_id)
),
numbered as (
  select
    *,
    count(*) filter (after_pause) over (
      partition by source, user_id order by event_time, event_id rows unbounded preceding
    ) as visit
  from unnamed
),
inferred as (
  select
    * exclude (after_pause, visit, user_session),
    md5(source || '/' || user_id || '/' || epoch_us(min(event_time) over (partition by source, user_id, visit)))::uuid
      as session_id,
    true as is_inferred
  from numbered
),
named as (
  select * exclude (user_session), user_session as session_id, false as is_inferred
  from events
  where user_session is not null
),
sessions as (
  select
    source,
    user_id,
    session_id,
    is_inferred,
    count(*)::bigint as events,
    count(*) filter (event_type = 'view')::bigint as views,
    count(*) filter (event_type = 'cart')::bigint as carts,
    count(*) filter (event_type = 'remove_from_cart')::bigint as removals,
    count(*) filter (event_type = 'purchase')::bigint as purchases,
    list_unique(list(product_id))::bigint as distinct_products,
    coalesce(sum(price * quantity) filter (event_type = 'purchase'), 0)::decimal(18, 2) as revenue,
    min(event_time) as started_at,
    max(event_time) as ended_at
  from (select * from named union all by name select * from inferred)
  group by source, user_id, session_id, is_inferred
)
select * from sessions
