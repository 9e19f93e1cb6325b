-- The calendar between the first and the last event, without gaps. One row per day.
with bounds as (
  select min(event_date) as first_day, max(event_date) as last_day from silver.events
),
days as (
  select unnest(range(first_day, last_day + interval 1 day, interval 1 day))::date as event_date from bounds
),
described as (
  select
    event_date,
    year(event_date)::integer as year,
    quarter(event_date)::integer as quarter,
    month(event_date)::integer as month,
    day(event_date)::integer as day,
    isoyear(event_date)::integer as iso_year,
    week(event_date)::integer as iso_week,
    isodow(event_date)::integer as weekday,
    isodow(event_date) >= 6 as is_weekend,
    date_trunc('week', event_date)::date as week_start,
    date_trunc('month', event_date)::date as month_start
  from days
)
select * from described
