-- Who comes back: users by the week and by the month of their first event, and how many were active, or bought, in each period after.
-- One row per period kind, cohort and periods since; a period without any return has no row.
with events as (
  select user_id, event_date, event_type = 'purchase' as is_purchase
  from silver.events
  where source = getvariable('source') and event_time < getvariable('as_of')
),
user_days as (
  select user_id, event_date, bool_or(is_purchase) as bought from events group by all
),
user_periods as (
  select 'week' as period, user_id, date_trunc('week', event_date)::date as starts, bool_or(bought) as bought
  from user_days
  group by all
  union all
  select 'month' as period, user_id, date_trunc('month', event_date)::date as starts, bool_or(bought) as bought
  from user_days
  group by all
),
since_first as (
  select *, min(starts) over (partition by period, user_id) as cohort from user_periods
),
returns as (
  select
    period,
    cohort,
    if(period = 'week', date_diff('week', cohort, starts), date_diff('month', cohort, starts))::integer as periods_since,
    count(*)::bigint as users,
    count(*) filter (bought)::bigint as buyers
  from since_first
  group by all
),
shared as (
  select
    *,
    max(users) filter (periods_since = 0) over (partition by period, cohort) as cohort_users
  from returns
)
select period, cohort, periods_since, cohort_users, users, buyers, users / cohort_users as retention from shared
