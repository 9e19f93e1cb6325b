// Model packages for serving's tests: real ones, around any ONNX bytes and signature.
import { buildPackage, type ModelPackage, type ModelParts, type Signature } from '../../core/model-package.ts';
import { evaluation } from '../activities/shop.ts';
import { signature } from './fakes.ts';

/** A package of ecommerce-intelligence/propensity that reads the view `features.customer_daily`. */
export const packageOf = (onnx: Uint8Array, sign: Signature = signature): ModelPackage =>
  buildPackage(partsOf(onnx, sign));

/** What it is made of. Its text is no model: ONNX alone scores. */
export const partsOf = (onnx: Uint8Array, sign: Signature): ModelParts => ({
  useCase: 'ecommerce-intelligence',
  model: 'propensity',
  onnx,
  nativeText: 'tree',
  signature: sign,
  evaluation,
  card: '# card',
  lineage: {
    environment: 'dev',
    source: 'clickstream',
    codeVersion: 'abc',
    planHash: 'd'.repeat(64),
    seed: 42,
    asOf: '2025-05-01',
    split: { train: ['2025-01-01'], calibrate: '2025-03-01', test: '2025-04-01', score: '2025-05-01' },
    inputs: [{ table: 'features.customer_daily', snapshot: 3, key: 'k' }],
    trainingRows: 10,
    learner: { kind: 'lightgbm', rounds: 100, params: {} },
  },
});
