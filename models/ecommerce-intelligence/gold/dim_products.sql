-- Products and what they were when, as their last event of each day showed them. One row per product and version.
-- A version ends when category, brand or price band (1-2-5 steps) changes: single prices move daily and would make a version of every day.
with events as (
  select
    *,
    case
      when price >= 5000 then '5000+' when price >= 2000 then '2000-5000' when price >= 1000 then '1000-2000'
      when price >= 500 then '500-1000' when price >= 200 then '200-500' when price >= 100 then '100-200'
      when price >= 50 then '50-100' when price >= 20 then '20-50' when price >= 10 then '10-20'
      when price >= 5 then '5-10' when price >= 2 then '2-5' when price >= 1 then '1-2' else '0-1'
    end as price_band,
    hash(category_id, category_code, brand, price_band) as traits
  from silver.events
  where product_id is not null
),
-- Most products never change: for them one look at their last event is enough, and the days need not be told apart.
products as (
  select source, product_id, min(event_date) as first_day, min(traits) <> max(traits) as varies
  from events
  group by source, product_id
),
dated_events as (
  select events.*, if(varies, event_date, first_day) as day from events join products using (source, product_id)
),
last_moments as (
  select source, product_id, day, max(event_time) as event_time from dated_events group by all
),
states as (
  select
    source,
    product_id,
    day,
    max(struct_pack(event_id, traits, category_id, category_code, brand, price_band, product_name, price)) as seen
  from dated_events semi join last_moments using (source, product_id, day, event_time)
  group by source, product_id, day
),
compared as (
  select *, seen.traits is distinct from lag(seen.traits) over (partition by source, product_id order by day) as is_change
  from states
),
numbered as (
  select
    *,
    count(*) filter (is_change) over (partition by source, product_id order by day rows unbounded preceding) as version
  from compared
),
versions as (
  select
    source,
    product_id,
    version,
    min(day) as valid_from,
    max(struct_pack(day, seen)) as latest
  from numbered
  group by source, product_id, version
),
dated as (
  select
    *,
    latest.seen as seen,
    lead(valid_from) over (partition by source, product_id order by valid_from) as next_from
  from versions
)
select
  source,
  product_id,
  seen.category_id as category_id,
  seen.category_code as category_code,
  seen.brand as brand,
  seen.product_name as product_name,
  seen.price_band as price_band,
  seen.price as last_price,
  valid_from,
  coalesce(next_from, date '9999-12-31') as valid_to,
  next_from is null as is_current
from dated
