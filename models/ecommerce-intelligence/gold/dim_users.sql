-- Customers and what they were when: visitor, buyer from the first day with a purchase, repeat buyer from the second; and their country.
-- One row per user and version; a version holds from valid_from until before valid_to.
with events as (
  select * from silver.events
),
first_seen as (
  select source, user_id, min(event_date) as first_seen from events group by all
),
buying_days as (
  select
    source,
    user_id,
    event_date,
    arg_max(country, struct_pack(event_time, event_id)) as country,
    row_number() over (partition by source, user_id order by event_date) as nth
  from events
  where event_type = 'purchase'
  group by source, user_id, event_date
),
states as (
  select source, user_id, event_date, country, if(nth = 1, 'buyer', 'repeat_buyer') as status from buying_days
  union all
  select source, user_id, first_seen, null, 'visitor'
  from first_seen
  anti join buying_days on
    first_seen.source = buying_days.source
    and first_seen.user_id = buying_days.user_id
    and first_seen.first_seen = buying_days.event_date
),
filled as (
  select
    * exclude (country),
    last_value(country ignore nulls) over (partition by source, user_id order by event_date) as country
  from states
),
compared as (
  select
    *,
    lag(status) over versions as status_before,
    lag(country) over versions as country_before,
    lag(event_date) over versions is null as is_first
  from filled
  window versions as (partition by source, user_id order by event_date)
),
changes as (
  select * from compared
  where is_first or status is distinct from status_before or country is distinct from country_before
),
versions as (
  select
    source,
    user_id,
    status,
    country,
    first_seen,
    event_date as valid_from,
    lead(event_date) over (partition by source, user_id order by event_date) as next_from
  from changes join first_seen using (source, user_id)
)
select
  source,
  user_id,
  status,
  country,
  first_seen,
  valid_from,
  coalesce(next_from, date '9999-12-31') as valid_to,
  next_from is null as is_current
from versions
