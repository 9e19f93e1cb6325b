-- Products bought together in one order more often than chance: support of at least 5 orders and lift above 1.2, in both directions.
-- One row per ordered pair. Orders of more than 200 products (bulk buyers) say little and would cost most: they count nowhere.
with purchases as (
  select distinct user_id, order_id, product_id
  from silver.events
  where event_type = 'purchase' and product_id is not null
    and source = getvariable('source') and event_time < getvariable('as_of')
),
baskets as (
  select *, count(*) over (partition by user_id, order_id) as size from purchases
),
bounded as (
  select user_id, order_id, product_id from baskets where size <= 200
),
totals as (
  select count(distinct (user_id, order_id))::bigint as orders from bounded
),
products as (
  select product_id, count(*)::bigint as orders from bounded group by product_id
),
-- A pair cannot be more frequent than its rarer half, so rare products need not be paired at all.
numbered as (
  select dense_rank() over (order by user_id, order_id) as basket, product_id, products.orders
  from bounded join products using (product_id)
  where products.orders >= 5
),
pairs as (
  select a.product_id as product_a, b.product_id as product_b, a.orders as orders_a, b.orders as orders_b, count(*) as support
  from numbered as a join numbered as b on a.basket = b.basket and a.product_id <> b.product_id
  group by all
  having support >= 5
),
measured as (
  select
    getvariable('source') as source,
    product_a,
    product_b,
    support::bigint as support,
    orders_a,
    orders_b,
    support / orders_a as confidence,
    (support::double * totals.orders) / (orders_a::double * orders_b) as lift
  from pairs cross join totals
)
select * from measured where lift > 1.2
