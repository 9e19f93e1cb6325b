// The gates: MLflow's thresholds, closed by default, with every reason.
import { describe, expect, it } from 'vitest';
import { decideGates, type Reference } from '../../core/gate.ts';
import type { MetricGate } from '../../core/model.ts';

const champion = (metrics: Record<string, number>): Reference => ({
  kind: 'champion',
  name: 'champion version 3',
  metrics,
});
const auc = (more: Partial<MetricGate>): MetricGate => ({ metric: 'roc_auc', greaterIsBetter: true, ...more });
const brier = (more: Partial<MetricGate>): MetricGate => ({ metric: 'brier', greaterIsBetter: false, ...more });
const passes = (value: number, held: number, gate: MetricGate): boolean =>
  decideGates({ [gate.metric]: value }, champion({ [gate.metric]: held }), [gate]).passed;

describe('MetricThreshold', () => {
  it.each([
    // value, held, gate, passes: as mlflow.models.evaluation.validation._validate decides
    [0.7, 0, auc({ threshold: 0.7 }), true],
    [0.69, 0, auc({ threshold: 0.7 }), false],
    [0.1, 0, brier({ threshold: 0.1 }), true],
    [0.11, 0, brier({ threshold: 0.1 }), false],
    [0.75, 0.5, auc({ minAbsoluteChange: 0.25 }), true],
    [0.74, 0.5, auc({ minAbsoluteChange: 0.25 }), false],
    [0.25, 0.5, brier({ minAbsoluteChange: 0.25 }), true],
    [0.26, 0.5, brier({ minAbsoluteChange: 0.25 }), false],
    [0.49, 0.5, auc({ minAbsoluteChange: -0.02 }), true],
    [0.47, 0.5, auc({ minAbsoluteChange: -0.02 }), false],
    [0.6, 0.5, auc({ minRelativeChange: 0.19 }), true],
    [0.6, 0.5, auc({ minRelativeChange: 0.21 }), false],
    [0.4, 0.5, brier({ minRelativeChange: 0.19 }), true],
    [0.4, 0.5, brier({ minRelativeChange: 0.21 }), false],
    [-0.4, -0.5, auc({ minRelativeChange: 0.19 }), true],
    [-0.6, -0.5, auc({ minRelativeChange: 0.19 }), false],
    [0, 0, auc({ minRelativeChange: 0.1 }), false],
    [0.001, 0, auc({ minRelativeChange: 0.1 }), true],
    [0, 0, brier({ minRelativeChange: 0.1 }), false],
  ])('candidate %f, held %f, %o: %s', (value, held, gate, expected) => {
    expect(passes(value, held, gate)).toBe(expected);
  });
});

describe('closed by default', () => {
  const held = champion({ roc_auc: 0.5 });
  it.each<[string, Record<string, number>, Reference, MetricGate[], string]>([
    ['no gates', { roc_auc: 1 }, held, [], 'no gate is set'],
    ['a gate without a demand', { roc_auc: 1 }, held, [auc({})], 'the gate on roc_auc demands nothing'],
    ['a missing metric', {}, held, [auc({ threshold: 0 })], 'roc_auc of the candidate is missing or not a number'],
    [
      'NaN',
      { roc_auc: Number.NaN },
      held,
      [auc({ threshold: 0 })],
      'roc_auc of the candidate is missing or not a number',
    ],
    [
      'an inherited name',
      {},
      held,
      [auc({ metric: 'toString', threshold: 0 })],
      'toString of the candidate is missing or not a number',
    ],
    [
      'no reference',
      { roc_auc: 1 },
      champion({}),
      [auc({ minAbsoluteChange: 0 })],
      'roc_auc of the champion version 3 is missing or not a number',
    ],
    [
      'a NaN reference',
      { roc_auc: 1 },
      champion({ roc_auc: Number.NaN }),
      [auc({ minRelativeChange: 0 })],
      'roc_auc of the champion version 3 is missing or not a number',
    ],
  ])('%s refuses', (_, candidate, reference, gates, reason) => {
    expect(decideGates(candidate, reference, gates)).toEqual({
      passed: false,
      reasons: [reason],
      against: { kind: 'champion', name: 'champion version 3' },
    });
  });

  it('lists every reason', () => {
    const gates = [auc({ threshold: 0.8, minAbsoluteChange: 0.1, minRelativeChange: 0.5 }), brier({ threshold: 0.05 })];
    expect(decideGates({ roc_auc: 0.7, brier: 0.06 }, champion({ roc_auc: 0.65 }), gates).reasons).toEqual([
      'roc_auc 0.7 is below 0.8 (the threshold)',
      'roc_auc 0.7 is below 0.75 (0.65 of the champion version 3 and a change of 0.1)',
      'roc_auc 0.7 betters 0.65 of the champion version 3 by 7.692 %, below 50 %',
      'brier 0.06 is above 0.05 (the threshold)',
    ]);
  });
});
