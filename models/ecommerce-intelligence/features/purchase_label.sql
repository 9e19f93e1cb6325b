-- Whether a customer bought in the label window [T + gap, T + gap + label). One row per customer and moment T whose window is over.
with customers as (
  select user_id, as_of
  from features.customer_daily
  where as_of + to_days(getvariable('gap_days') + getvariable('label_days')) <= getvariable('as_of')
),
purchases as (
  select distinct user_id, event_date
  from silver.events
  where event_type = 'purchase' and source = getvariable('source') and event_time < getvariable('as_of')
),
buyers as (
  select distinct user_id, as_of
  from customers join purchases using (user_id)
  where event_date >= as_of + to_days(getvariable('gap_days'))
    and event_date < as_of + to_days(getvariable('gap_days') + getvariable('label_days'))
),
labelled as (
  select user_id, as_of, (buyers.user_id is not null)::integer as label
  from customers left join buyers using (user_id, as_of)
)
select * from labelled
