// The verdict on a version made again: the first stage that differs, whatever comes after it.
import { describe, expect, it } from 'vitest';
import { check, lost, reproductionOf, reproductionStages, type StageCheck } from '../../core/reproduction.ts';

const of = { model: 'shop/propensity', version: 3, package: 'p' };
const equal = (): StageCheck[] => reproductionStages.map((stage) => check(stage, 'h', 'h'));
const with_ = (change: StageCheck) => equal().map((one) => (one.stage === change.stage ? change : one));

describe('a version made again', () => {
  it('is equal if every stage is, another code version or not', () => {
    expect(reproductionOf(of, equal())).toMatchObject({ equal: true, firstDifference: null });
    const noted = with_({ stage: 'code', state: 'noted', recorded: 'a', found: 'b', note: '' });
    expect(reproductionOf(of, noted)).toMatchObject({ equal: true, firstDifference: null });
  });

  it.each(reproductionStages.filter((stage) => stage !== 'code'))('names %s if it differs first', (stage) => {
    expect(reproductionOf(of, with_(check(stage, 'h', 'other')))).toMatchObject({
      equal: false,
      firstDifference: stage,
    });
  });

  it('names the first of several, in the order of making', () => {
    const checks = [check('package', 'h', 'x'), check('matrix', 'h', 'x'), check('split', 'h', 'h')];
    expect(reproductionOf(of, checks).firstDifference).toBe('matrix');
  });

  it('is not equal where a stage was not reached', () => {
    const found = reproductionOf(of, [lost('plan', 'h', 'gone')], 'its plan is gone');
    expect(found).toMatchObject({ equal: false, firstDifference: 'plan' });
    expect(found.stages.find(({ stage }) => stage === 'onnx')).toMatchObject({
      state: 'not reached',
      note: 'its plan is gone',
    });
    expect(reproductionOf(of, equal().slice(0, 4))).toMatchObject({ equal: false, firstDifference: null });
  });
});
