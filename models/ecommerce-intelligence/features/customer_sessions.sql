-- How long a customer's sessions had lasted by each moment T of `cuts`. One row per user and moment with a session begun in the window.
-- A session still running at T is cut there: it lasts until its last event before T.
with cuts as (
  select unnest(getvariable('cuts')) as as_of
),
sessions as (
  select user_id, session_id, is_inferred, started_at, ended_at
  from silver.sessions
  where source = getvariable('source')
),
begun as (
  select * from sessions join cuts
    on started_at < as_of and started_at >= as_of - to_days(getvariable('observation_days'))
),
running as (
  select * from begun where ended_at >= as_of
),
cut_short as (
  select running.user_id, running.session_id, running.as_of, max(events.event_time) as last_time
  from silver.events as events join running
    on events.user_id = running.user_id
    and (events.user_session = running.session_id or (events.user_session is null and running.is_inferred))
    and events.event_time >= running.started_at
    and events.event_time < running.as_of
  where events.source = getvariable('source')
  group by all
),
lasting as (
  select
    user_id,
    as_of,
    epoch_us(if(ended_at < as_of, ended_at, last_time)) - epoch_us(started_at) as microseconds
  from begun left join cut_short using (user_id, session_id, as_of)
),
averages as (
  select user_id, as_of, count(*)::bigint as sessions, sum(microseconds)::double / count(*) / 1000000 as average_session_seconds
  from lasting
  group by user_id, as_of
)
select * from averages
