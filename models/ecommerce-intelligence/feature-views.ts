// What a model may know of a customer at a moment: the seed's twelve facts about behaviour, the history of purchases, its rhythm.
import type { Entity, Feature, FeatureService, FeatureView } from '../../core/feature-view.ts';

const numeric = (name: string, description: string): Feature => ({ name, kind: 'numeric', description });
const categorical = (name: string, description: string): Feature => ({ name, kind: 'categorical', description });

/** All are taken from the observation window [T − observation, T), but for tenure, which reaches back to the first event. */
export const behaviour: readonly Feature[] = [
  numeric('total_events', 'Events of any kind'),
  numeric('carts', 'Products put into the cart'),
  numeric('views', 'Products looked at'),
  numeric('active_span_days', 'Days between first and last event, fractions included'),
  numeric('recency_days', 'Days since the last event, fractions included'),
  numeric(
    'avg_session_duration',
    'Mean length of sessions in seconds; a session running at T counts up to its last event before T',
  ),
  numeric('unique_products', 'Distinct products met'),
  numeric('rfm_score', 'Recency, frequency and monetary quintiles among buyers, summed (3–15); missing for others'),
  numeric('has_prior_purchase', '1 if anything was bought'),
  categorical('primary_category', 'Category met most often'),
  categorical('preferred_brand', 'Brand met most often'),
  numeric('tenure_days', 'Days since the first event ever'),
];

export const purchases: readonly Feature[] = [
  numeric('orders', 'Orders'),
  numeric('orders_30d', 'Orders of the last 30 days'),
  numeric('orders_90d', 'Orders of the last 90 days'),
  numeric('purchase_lines', 'Purchases, one per article and order line'),
  numeric('purchased_products', 'Distinct products bought'),
  numeric('spend', 'Money spent'),
  numeric('spend_30d', 'Money spent in the last 30 days'),
  numeric('spend_90d', 'Money spent in the last 90 days'),
  numeric('average_price', 'Mean price of a purchase; missing without one'),
  numeric('purchase_recency_days', 'Days since the last purchase; missing without one'),
];

/** What a wholesaler's customers, who come back at a pace of their own, give away beyond recency and counts. */
export const rhythm: readonly Feature[] = [
  numeric('purchase_interval_days', 'Mean days between days with a purchase; missing until the second'),
  numeric(
    'purchase_overdue_ratio',
    'Whole days since the last purchase over the mean interval: above 1 is later than usual',
  ),
  numeric('purchase_momentum', 'Days with a purchase, each weighing exp(−age in days / 90)'),
];

/** How often a visitor came: two visitors with as many clicks are not alike if one made them in a single sitting. */
export const visits: readonly Feature[] = [
  numeric('sessions', 'Sessions begun in the window'),
  numeric('cart_days', 'Days on which a product was put into the cart'),
];

export const customer: Entity = {
  name: 'customer',
  joinKey: 'user_id',
  description: 'Whoever leaves events in a shop; counted per source',
  owner: 'customer analytics',
};

/** Speaks for a customer for 90 days: a row of the newest cut is at most some weeks old, one of a customer long gone says nothing of now. */
export const customerDaily: FeatureView = {
  name: 'customer_daily',
  table: 'features.customer_daily',
  entity: customer.joinKey,
  features: [...behaviour, ...purchases, ...rhythm, ...visits],
  knownAt: 'known_at',
  ttlDays: 90,
  description: 'Behaviour, purchases, rhythm and visits of customers active in the observation window',
  owner: 'customer analytics',
  tags: ['customer', 'batch'],
};

export const featureViews: readonly FeatureView[] = [customerDaily];

const service = (name: string, description: string, features: readonly Feature[]): FeatureService => ({
  name,
  description,
  owner: 'customer analytics',
  view: customerDaily.name,
  features: features.map((feature) => feature.name),
});

/** What a shop's visitors give away. */
export const visitorPropensity = service('visitor_propensity', 'Who of a shop’s visitors will buy', [
  ...behaviour,
  ...purchases,
  ...visits,
]);

/** What a wholesaler's customers give away. */
export const buyerRepurchase = service('buyer_repurchase', 'Who of a wholesaler’s customers will order again', [
  ...behaviour,
  ...purchases,
  ...rhythm,
]);

export const featureServices: readonly FeatureService[] = [visitorPropensity, buyerRepurchase];
