-- What a customer had bought before each moment T of `cuts`, within the observation window. One row per buyer and moment.
with cuts as (
  select unnest(getvariable('cuts')) as as_of
),
purchases as (
  select user_id, order_id, product_id, event_date, event_time, price, price * quantity as spend, known_at
  from silver.events
  where event_type = 'purchase' and source = getvariable('source')
),
windowed as (
  select
    *,
    date_diff('day', event_date, as_of::date) <= 30 as within_30,
    date_diff('day', event_date, as_of::date) <= 90 as within_90
  from purchases join cuts
    on event_time < as_of and event_time >= as_of - to_days(getvariable('observation_days'))
),
buyers as (
  select
    user_id,
    as_of,
    count(distinct order_id)::bigint as orders,
    count(distinct order_id) filter (within_30)::bigint as orders_30d,
    count(distinct order_id) filter (within_90)::bigint as orders_90d,
    count(distinct event_date)::bigint as purchase_days,
    count(*)::bigint as lines,
    count(distinct product_id)::bigint as products,
    sum(spend)::decimal(18, 2) as spend,
    coalesce(sum(spend) filter (within_30), 0)::decimal(18, 2) as spend_30d,
    coalesce(sum(spend) filter (within_90), 0)::decimal(18, 2) as spend_90d,
    sum(price)::double / count(*) as average_price,
    (epoch_us(as_of) - epoch_us(max(event_time))) / 86400000000 as purchase_recency_days,
    date_diff('day', min(event_date), max(event_date))::integer as purchase_span_days,
    date_diff('day', max(event_date), as_of::date)::integer as days_since_purchase,
    -- Decimals, so that the sum does not depend on its order; days of a window differ well before the ninth place.
    sum(distinct exp(-date_diff('day', event_date, as_of::date) / 90)::decimal(18, 9))::double as purchase_momentum,
    max(known_at) as known_at
  from windowed
  group by user_id, as_of
),
-- Several orders on one day are one visit; who bought on a single day has no interval yet.
paced as (
  select *, purchase_span_days / nullif(purchase_days - 1, 0) as purchase_interval_days
  from buyers
),
-- The same quintiles as gold.rfm, among those who had bought by then.
scored as (
  select
    *,
    ntile(5) over (partition by as_of order by ceil(purchase_recency_days) desc, user_id)
      + ntile(5) over (partition by as_of order by purchase_days, user_id)
      + ntile(5) over (partition by as_of order by spend, user_id) as rfm_score
  from paced
)
select
  * exclude (purchase_span_days, days_since_purchase) replace (
    rfm_score::integer as rfm_score,
    -- Quintiles are drawn among all buyers, and so is what was known of them.
    max(known_at) over (partition by as_of) as known_at
  ),
  days_since_purchase / purchase_interval_days as purchase_overdue_ratio
from scored
