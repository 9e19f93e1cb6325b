// A model's judgement such as the training stage writes it, computed from seeded scores: for the tests of packages, pictures and registration.
import { calibrationBins } from '../../core/learning/calibration.ts';
import { gainCurve, rocCurve } from '../../core/learning/curves.ts';
import { rank } from '../../core/learning/ranking.ts';
import type { Evaluation, ModelParts } from '../../core/model-package.ts';
import { randomStream } from '../../core/random.ts';

const ROWS = 4_000;

/** 4,000 rows, 8 % positives; the model knows more than the rule and less than the truth. */
export const sampleEvaluation = (seed = 1): Evaluation => {
  const random = randomStream(seed);
  const truth = Float64Array.from({ length: ROWS }, () => 0.3 * random() ** 3);
  const labels = truth.map((p) => (random() < p ? 1 : 0));
  const noisy = (noise: number) => truth.map((p) => Math.min(1, Math.max(0, p + noise * (random() - 0.5))));
  const ranked = (scores: Float64Array) => rank(labels, scores);
  const curves = (scores: Float64Array, probability: boolean) => ({
    roc: rocCurve(ranked(scores)),
    gain: gainCurve(ranked(scores)).map(({ share, recall }) => ({ share, gain: recall })),
    lift: gainCurve(ranked(scores)).map(({ share, lift }) => ({ share, lift })),
    calibration: probability ? calibrationBins(ranked(scores)) : [],
  });
  return {
    test: { cut: '2011-11-09', rows: ROWS, positives: labels.reduce((sum, label) => sum + label, 0) },
    figures: {
      roc_auc: { value: 0.78, low: 0.76, high: 0.8 },
      lift_at_5: { value: 3.1, low: 2.6, high: 3.6 },
      brier: { value: 0.071, low: 0.066, high: 0.076 },
    },
    curves: curves(noisy(0.12), true),
    baseline: {
      name: 'recency-frequency',
      figures: { roc_auc: { value: 0.71, low: 0.69, high: 0.73 }, lift_at_5: { value: 2.2 } },
      curves: curves(noisy(0.5), false),
    },
    oracle: { figures: { roc_auc: { value: 0.79 }, lift_at_5: { value: 3.3 } }, curves: curves(truth, true) },
    importance: FEATURES.map(([feature], i) => ({ feature, gain: 100 / (i + 1), splits: 40 - i })),
    shap: FEATURES.map(([feature, , direction], i) => ({ feature, meanAbsolute: 0.6 / (i + 1), direction })),
  };
};

const FEATURES: readonly (readonly [string, 'numeric' | 'categorical', number | null])[] = [
  ['recency_days', 'numeric', -0.8],
  ['total_events', 'numeric', 0.6],
  ['carts', 'numeric', 0.5],
  ['tenure_days', 'numeric', 0.02],
  ['primary_category', 'categorical', null],
];

/** All parts of a package but a real network: the bytes of `model.onnx` are `onnx`. */
export const sampleParts = (onnx = 'not a network'): ModelParts => ({
  useCase: 'ecommerce-intelligence',
  model: 'propensity',
  onnx: new TextEncoder().encode(onnx),
  nativeText: 'tree\nversion=v4\n',
  signature: {
    format: 'perennial/signature/1',
    entity: 'user_id',
    features: FEATURES.map(([name, kind]) => ({ name, kind, description: `The customer's ${name}` })),
    categories: { primary_category: ['electronics', "men's wear"] },
    output: { name: 'probability', meaning: 'that the customer buys within 30 days' },
    calibration: { slope: 0.9, intercept: -2.1 },
    windows: { observationDays: 400, gapDays: 0, labelDays: 30 },
  },
  evaluation: sampleEvaluation(),
  card: '# propensity\n',
  lineage: {
    environment: 'dev',
    source: 'invoices',
    codeVersion: '0.1.0',
    planHash: 'a'.repeat(64),
    seed: 42,
    asOf: '2011-12-09',
    split: { train: ['2011-09-07'], calibrate: '2011-10-10', test: '2011-11-09', score: '2011-12-09' },
    inputs: [{ table: 'features.customer_daily', snapshot: 12, key: 'b'.repeat(64) }],
    trainingRows: 3_000,
    learner: { kind: 'lightgbm', rounds: 100, params: { learning_rate: 0.05, num_leaves: 31, objective: 'binary' } },
  },
});
