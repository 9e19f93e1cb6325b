-- The category and the brand a customer had met most often in the window before each moment T of `cuts`; ties go to the first by name.
-- One row per user and moment with any named category or brand. `windows` has one bit for each moment whose window holds the day.
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
pairs as (
  select user_id, windows, category_code, brand, count(*) as events
  from silver.events join days using (event_date)
  where source = getvariable('source') and coalesce(category_code, brand) is not null
  group by user_id, windows, category_code, brand
),
tastes as (
  select user_id, windows, 'category' as kind, category_code as value, events from pairs where category_code is not null
  union all
  select user_id, windows, 'brand' as kind, brand as value, events from pairs where brand is not null
),
-- Numbers in reverse order of names: the greatest (events, number) is then the most frequent value, the first by name among equals.
-- Brands count below zero, so that one number also says which kind it is.
codes as (
  select kind, value, (if(kind = 'brand', -1, 1) * row_number() over (order by kind, value desc))::integer as code
  from (select distinct kind, value from tastes)
),
counted as (
  select user_id, as_of, code, sum(events)::bigint as events
  from tastes join codes using (kind, value) join windows using (windows)
  group by user_id, as_of, code
),
favourites as (
  select
    user_id,
    as_of,
    max(events * 16777216 + code) filter (code > 0) % 16777216 as category,
    -(max(events * 16777216 - code) filter (code < 0) % 16777216) as brand
  from counted
  group by user_id, as_of
),
named as (
  select user_id, as_of, categories.value as primary_category, brands.value as preferred_brand
  from favourites
  left join codes as categories on categories.code = favourites.category
  left join codes as brands on brands.code = favourites.brand
)
select * from named
