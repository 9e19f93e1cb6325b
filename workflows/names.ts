// Names that workflows, workers and clients share: task queues, the query, search attributes.
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** `light`: workflows and quick activities. `compute`: one heavy step at a time per worker, for the cores it needs. */
export const queues = { light: 'perennial', compute: 'perennial-compute' } as const;

export const attributes = {
  useCase: defineSearchAttributeKey('PerennialUseCase', SearchAttributeType.KEYWORD),
  stage: defineSearchAttributeKey('PerennialStage', SearchAttributeType.KEYWORD),
  model: defineSearchAttributeKey('PerennialModel', SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey('PerennialOutcome', SearchAttributeType.KEYWORD),
  needsAction: defineSearchAttributeKey('PerennialNeedsAction', SearchAttributeType.BOOL),
  asOf: defineSearchAttributeKey('PerennialAsOf', SearchAttributeType.DATETIME),
  rows: defineSearchAttributeKey('PerennialRows', SearchAttributeType.INT),
  metric: defineSearchAttributeKey('PerennialMetric', SearchAttributeType.DOUBLE),
} as const;
