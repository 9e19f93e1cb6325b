// The propensity model: who will buy within the label window? The learner is the seed's, the judge is a rule that needs no model.
import type { Model } from '../../core/model.ts';
import { buyerRepurchase, customerDaily, visitorPropensity } from './feature-views.ts';

export const propensity: Model = {
  name: 'propensity',
  source: 'clickstream',
  question: 'Which customers will buy in the next 30 days?',
  featureView: customerDaily.name,
  featureService: visitorPropensity.name,
  features: visitorPropensity.features,
  label: {
    table: 'features.purchase_label',
    column: 'label',
    description: 'At least one purchase in [T + gap, T + gap + label)',
  },
  // Rows are weighted so that both classes count alike; the run gives the seed.
  learner: {
    kind: 'lightgbm',
    params: {
      objective: 'binary',
      learning_rate: 0.05,
      max_depth: 6,
      num_leaves: 31,
      feature_fraction: 0.8,
      bagging_fraction: 0.8,
      bagging_freq: 5,
    },
    rounds: 100,
    segmentRounds: 20,
  },
  // Thirty days of grace, so that one order yesterday does not outrank ten orders last week.
  baseline: { name: 'recency-frequency rule', score: '(1 + orders) / (30 + recency_days)' },
  gates: [{ metric: 'roc_auc', greaterIsBetter: true, minAbsoluteChange: 0 }],
  scores: 'gold.propensity_scores',
};

/**
 * The same question of a wholesaler's customers, who leave invoices and no clicks: a few thousand rows a cut. Chosen by rolling origin on
 * seven cuts before the test (2011-07-12 to 2011-10-10), means over seeds: small trees and the rhythm of purchases, ROC-AUC 0.735 → 0.753.
 * Of the settings that tied there, the one that keeps the seed's learning rate and number of trees.
 */
export const repurchase: Model = {
  ...propensity,
  name: 'repurchase',
  source: 'invoices',
  question: 'Which customers will order again in the next 30 days?',
  featureService: buyerRepurchase.name,
  features: buyerRepurchase.features,
  learner: {
    kind: 'lightgbm',
    params: {
      objective: 'binary',
      learning_rate: 0.05,
      max_depth: 3,
      num_leaves: 4,
      min_data_in_leaf: 100,
      feature_fraction: 0.5,
      bagging_fraction: 0.8,
      bagging_freq: 5,
    },
    rounds: 100,
    segmentRounds: 20,
  },
  scores: 'gold.repurchase_scores',
};
