// What the gold tables promise: dimensions without gaps, facts that conserve events and money, analyses within their bounds.
import {
  always,
  byDay,
  byUser,
  conserved,
  KNOWN,
  nobodyLost,
  purchasesOf,
  slowlyChanging,
  type TablePromise,
} from '../laws.ts';

const dimensions: readonly TablePromise[] = [
  {
    name: 'gold.dim_users',
    description: 'Customers, slowly changing: visitor, buyer, repeat buyer; country',
    grain: 'one row per user and version',
    key: ['user_id', 'source', 'valid_from'],
    incremental: byUser('silver.events'),
    laws: [
      ...slowlyChanging('user_id'),
      nobodyLost('every user is here', 'source, user_id', 'silver.events'),
      always('no version precedes the first event', 'valid_from >= first_seen'),
    ],
  },
  {
    name: 'gold.dim_products',
    description: 'Products, slowly changing: category, brand, price band',
    grain: 'one row per product and version',
    key: ['product_id', 'source', 'valid_from'],
    incremental: { by: 'product_id', from: ['silver.events'] },
    laws: [
      ...slowlyChanging('product_id'),
      nobodyLost('every product is here', 'source, product_id', 'silver.events', 'product_id is not null'),
    ],
  },
  {
    name: 'gold.dim_dates',
    description: 'The calendar from the first to the last event',
    grain: 'one row per day',
    key: ['event_date'],
    laws: [
      nobodyLost('every day with an event is here', 'event_date', 'silver.events'),
      conserved(
        'no day is missing',
        'select count(*) from this',
        'select max(event_date) - min(event_date) + 1 from this',
      ),
    ],
  },
];

const facts: readonly TablePromise[] = [
  {
    name: 'gold.fact_sessions',
    description: 'Duration, conversion, abandonment and revenue of visits',
    grain: 'one row per user and session',
    key: ['user_id', 'source', 'session_id'],
    incremental: byUser('silver.sessions'),
    laws: [
      conserved('no session is lost', 'select count(*) from this', 'select count(*) from silver.sessions'),
      always(
        'a session converts or abandons its cart, never both',
        'duration_seconds >= 0 and not (converted and cart_abandoned)',
      ),
      always('revenue comes from purchases', 'revenue >= 0 and (converted or revenue = 0)'),
    ],
  },
  {
    name: 'gold.fact_orders',
    description: 'Orders: an invoice, or what one session bought',
    grain: 'one row per user and order',
    key: ['user_id', 'source', 'order_id'],
    incremental: byUser('silver.events'),
    laws: [
      conserved('revenue is conserved', 'select sum(revenue) from this', purchasesOf('silver.events')),
      always('an order has lines and items', 'lines > 0 and items >= lines and distinct_products <= lines'),
    ],
  },
  {
    name: 'gold.fact_daily_kpis',
    description: 'Events, active users, orders, revenue and returns of a day',
    grain: 'one row per source and day',
    key: ['event_date', 'source'],
    incremental: byDay('silver.events', 'silver.returns'),
    laws: [
      conserved('revenue is conserved', 'select sum(revenue) from this', purchasesOf('silver.events')),
      conserved('events are conserved', 'select sum(events) from this', 'select count(*) from silver.events'),
      conserved('returns are conserved', 'select sum(returned) from this', 'select sum(amount) from silver.returns'),
      always('buyers are among the active', 'buyers <= active_users and buyers <= orders and orders <= purchases'),
    ],
  },
  {
    name: 'gold.funnel_daily',
    description: 'How far the sessions that began on a day came',
    grain: 'one row per source and day',
    key: ['session_date', 'source'],
    laws: [
      always(
        'the funnel only narrows',
        'sessions >= reached_view and reached_view >= reached_cart and reached_cart >= reached_purchase',
      ),
      conserved('no session is lost', 'select sum(sessions) from this', 'select count(*) from gold.fact_sessions'),
    ],
  },
];

const analyses: readonly TablePromise[] = [
  {
    name: 'gold.rfm',
    description: 'Recency, frequency and monetary quintiles of buyers, and their segment',
    grain: 'one row per buyer',
    key: ['user_id'],
    laws: [
      always(
        'scores are quintiles',
        'least(r_score, f_score, m_score) >= 1 and greatest(r_score, f_score, m_score) <= 5',
      ),
      always('the score is between 3 and 15', 'rfm_score between 3 and 15 and rfm_score = r_score + f_score + m_score'),
      conserved('money is conserved', 'select sum(monetary) from this', purchasesOf(KNOWN)),
    ],
  },
  {
    name: 'gold.cohort_retention',
    description: 'Users who came back, by week and month of their first event',
    grain: 'one row per period kind, cohort and periods since',
    key: ['period', 'cohort', 'periods_since'],
    laws: [
      always(
        'nobody comes back who was not there',
        'users between 1 and cohort_users and buyers <= users and periods_since >= 0',
      ),
      always('all are there in their first period', 'periods_since > 0 or users = cohort_users'),
      conserved(
        'every user is in one cohort of each kind',
        'select sum(users) from this where periods_since = 0',
        `select 2 * count(distinct user_id) from ${KNOWN}`,
      ),
    ],
  },
  {
    name: 'gold.product_affinity',
    description: 'Products bought together more often than chance',
    grain: 'one row per ordered pair of products',
    key: ['product_a', 'product_b'],
    laws: [
      always('pairs are frequent and above chance', 'support >= 5 and lift > 1.2 and confidence <= 1'),
      {
        name: 'both directions agree',
        violations: `select product_a, product_b, support, lift from this
          except select product_b, product_a, support, lift from this`,
      },
    ],
  },
];

export const gold: readonly TablePromise[] = [...dimensions, ...facts, ...analyses];
