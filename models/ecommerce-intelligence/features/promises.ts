// What the feature tables promise: one row per customer and moment, and nothing at or after the moment.
import { always, type TablePromise } from '../laws.ts';

const onePerMoment = (what: string): Pick<TablePromise, 'grain' | 'key'> => ({
  grain: `one row per ${what} and moment`,
  key: ['as_of', 'user_id'],
});

export const features: readonly TablePromise[] = [
  {
    name: 'features.customer_sessions',
    description: 'Length of sessions begun in the window',
    ...onePerMoment('customer'),
    laws: [always('sessions last', 'sessions > 0 and average_session_seconds >= 0')],
  },
  {
    name: 'features.customer_purchases',
    description: 'Purchases in the window, and the RFM score among buyers',
    ...onePerMoment('buyer'),
    laws: [
      always('the score is between 3 and 15', 'rfm_score between 3 and 15'),
      always('a shorter window holds less', 'orders_30d <= orders_90d and orders_90d <= orders and spend_90d <= spend'),
      always('nothing at or after the moment', 'purchase_recency_days > 0'),
      always(
        'a rhythm takes two days',
        'coalesce(purchase_interval_days >= 1 and purchase_overdue_ratio >= 0, purchase_days = 1)',
      ),
      always('momentum counts each day at most once', 'purchase_momentum > 0 and purchase_momentum <= purchase_days'),
    ],
  },
  {
    name: 'features.customer_tastes',
    description: 'Most frequent category and brand in the window',
    ...onePerMoment('customer'),
    laws: [always('something is preferred', 'coalesce(primary_category, preferred_brand) is not null')],
  },
  {
    name: 'features.customer_daily',
    description: 'What was known of each active customer at a moment',
    ...onePerMoment('customer'),
    laws: [
      always('nothing at or after the moment', 'recency_days > 0 and active_span_days >= 0'),
      always('tenure reaches back to the first event', 'tenure_days >= recency_days + active_span_days - 1e-6'),
      always('buyers have a score, others none', 'has_prior_purchase = (rfm_score is not null)::integer'),
      always('windows are of the run', `list_contains(getvariable('cuts'), as_of)`),
    ],
  },
  {
    name: 'features.purchase_label',
    description: 'Whether a customer bought in the label window',
    ...onePerMoment('customer'),
    laws: [
      always('a label is 0 or 1', 'label in (0, 1)'),
      always(
        'only windows that are over',
        `as_of + to_days(getvariable('gap_days') + getvariable('label_days')) <= getvariable('as_of')`,
      ),
    ],
  },
];
