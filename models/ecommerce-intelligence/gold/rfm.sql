-- Buyers by recency, frequency and monetary value as of the end of knowledge, in quintiles (5 is best). One row per buyer.
with purchases as (
  select * from silver.events
  where event_type = 'purchase' and source = getvariable('source') and event_time < getvariable('as_of')
),
buyers as (
  select
    user_id,
    date_diff('day', max(event_date), getvariable('as_of')::date)::bigint as recency_days,
    count(distinct event_date)::bigint as frequency,
    sum(price * quantity)::decimal(18, 2) as monetary
  from purchases
  group by user_id
),
scored as (
  select
    *,
    ntile(5) over (order by recency_days desc, user_id)::integer as r_score,
    ntile(5) over (order by frequency, user_id)::integer as f_score,
    ntile(5) over (order by monetary, user_id)::integer as m_score
  from buyers
),
segmented as (
  select
    *,
    r_score + f_score + m_score as rfm_score,
    case
      when r_score >= 4 and f_score >= 4 then 'Champions'
      when r_score >= 3 and f_score >= 3 then 'Loyal'
      when r_score <= 2 and f_score >= 4 then 'Can''t Lose Them'
      when r_score <= 2 and f_score <= 2 then 'Lost'
      else 'Regular'
    end as segment
  from scored
)
select * from segmented
