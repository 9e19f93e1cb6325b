-- The last visit of each customer before `as_of`, told from the lake: what folding the same events in order gives. One row per customer.
with events as (
  select user_id, event_type, event_time
  from silver.events
  where source = getvariable('source') and event_time < getvariable('as_of')
),
paused as (
  select
    *,
    coalesce(event_time - lag(event_time) over (partition by user_id order by event_time) > interval 30 minutes, true) as opens
  from events
),
numbered as (
  select
    *,
    count(*) filter (opens) over (partition by user_id order by event_time rows unbounded preceding) as visit
  from paused
),
visits as (
  select
    user_id,
    visit,
    count(*) as visit_events,
    count(*) filter (event_type = 'cart') as visit_carts,
    (epoch_ms(max(event_time)) - epoch_ms(min(event_time))) / 1000 as visit_seconds
  from numbered
  group by user_id, visit
)
select user_id, visit_events, visit_carts, visit_seconds
from visits
qualify visit = max(visit) over (partition by user_id)
