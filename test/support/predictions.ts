// A record of an answer, for tests of the prediction log on its way from the API to the lake.
import type { LoggedPrediction } from '../../core/prediction-log.ts';

export const loggedPrediction = (id: string, more: Partial<LoggedPrediction> = {}): LoggedPrediction => ({
  id,
  servedAt: '2025-05-02T10:00:00.000Z',
  useCase: 'ecommerce-intelligence',
  model: 'propensity',
  version: 7,
  packageSha256: 'a'.repeat(64),
  view: 'features.customer_daily',
  entity: '123',
  probability: 0.25,
  features: { recency_days: 3 },
  featureTime: null,
  knownAt: null,
  coldStart: true,
  stale: false,
  job: null,
  ...more,
});
