// The gates of a promotion: closed by default, every reason told; and what makes two pieces of evidence differ.
import { describe, expect, it } from 'vitest';
import { type Evidence, evidenceHash, materialChanges } from '../../../core/promotion/evidence.ts';
import { decidePromotion } from '../../../core/promotion/gates.ts';

const features = [
  { name: 'orders', kind: 'numeric' as const },
  { name: 'brand', kind: 'categorical' as const },
];
const windows = { observationDays: 92, gapDays: 0, labelDays: 30 };

const sound: Evidence = {
  format: 'perennial/evidence/1',
  useCase: 'shop',
  model: 'propensity',
  to: 'prod',
  candidate: {
    environment: 'staging',
    version: 3,
    package: 'a'.repeat(64),
    state: 'staging',
    asOf: '2019-12-01',
    testCut: '2019-11-01',
    bytes: 400_000,
    entity: 'user_id',
    features,
    windows,
    figures: { roc_auc: 0.8 },
  },
  champion: { version: 2, package: 'b'.repeat(64), figures: { roc_auc: 0.79 } },
  baseline: { name: 'rule', figures: { roc_auc: 0.7 } },
  data: {
    asOf: '2019-12-01',
    testCut: '2019-11-01',
    rows: 6_000,
    positives: 500,
    tables: [{ table: 'features.customer_daily', key: 'k1' }],
  },
  missing: [],
  expected: {
    entity: 'user_id',
    features,
    windows,
    columns: [
      { name: 'user_id', type: 'BIGINT' },
      { name: 'as_of', type: 'TIMESTAMP' },
      { name: 'orders', type: 'BIGINT' },
      { name: 'brand', type: 'VARCHAR' },
    ],
  },
  parity: { rows: 10_000, maxAbsDifference: 1e-16 },
  policy: {
    gates: [{ metric: 'roc_auc', greaterIsBetter: true, minAbsoluteChange: 0 }],
    maxAgeDays: 90,
    maxPackageBytes: 1_000_000,
    maxParityDifference: 1e-9,
  },
  trace: { codeVersion: 'abc', snapshots: { 'features.customer_daily': 7 } },
};

/** Evidence with some of it changed. */
const but = (change: (evidence: Evidence) => void): Evidence => {
  const copy = JSON.parse(JSON.stringify(sound)) as Evidence;
  change(copy);
  return copy;
};
const reasonsOf = (change: (evidence: Evidence) => void) => decidePromotion(but(change)).reasons;

describe('the gates', () => {
  it('let sound evidence through', () => {
    expect(decidePromotion(sound)).toMatchObject({ passed: true, reasons: [] });
  });

  it.each<[string, (evidence: Evidence) => void, RegExp]>([
    [
      'rejected below',
      (e) => {
        e.candidate.state = 'rejected';
      },
      /rejected in staging/,
    ],
    [
      'no data',
      (e) => {
        e.data = null;
        e.missing = ['prod has no table'];
      },
      /no table/,
    ],
    [
      'no data, and not a word why',
      (e) => {
        e.data = null;
      },
      /no labelled rows/,
    ],
    [
      'no rows',
      (e) => {
        if (e.data) e.data.rows = 0;
      },
      /no labelled rows/,
    ],
    [
      'one kind of label',
      (e) => {
        if (e.data) e.data.positives = 0;
      },
      /equal/,
    ],
    [
      'another entity',
      (e) => {
        e.candidate.entity = 'shop_id';
      },
      /entity/,
    ],
    [
      'other windows',
      (e) => {
        e.candidate.windows = { ...windows, labelDays: 7 };
      },
      /windows/,
    ],
    [
      'features in another order',
      (e) => {
        e.candidate.features.reverse();
      },
      /features/,
    ],
    [
      'a feature too many',
      (e) => {
        e.candidate.features.push({ name: 'mood', kind: 'numeric' });
      },
      /no column mood/,
    ],
    [
      'a feature of another kind',
      (e) => {
        e.candidate.features[1] = { name: 'brand', kind: 'numeric' };
      },
      /brand is numeric/,
    ],
    [
      'a column of another type',
      (e) => {
        e.expected.columns[2] = { name: 'orders', type: 'VARCHAR' };
      },
      /orders is a number/,
    ],
    [
      'forms that differ',
      (e) => {
        e.parity = { rows: 10_000, maxAbsDifference: 1e-6 };
      },
      /differs from the native/,
    ],
    [
      'forms never compared',
      (e) => {
        e.parity = null;
      },
      /was not held against/,
    ],
    [
      'forms that gave no number',
      (e) => {
        e.parity = { rows: 10_000, maxAbsDifference: null };
      },
      /could not be compared/,
    ],
    [
      'forms compared on nothing',
      (e) => {
        e.parity = { rows: 0, maxAbsDifference: 0 };
      },
      /could not be compared/,
    ],
    [
      'too old',
      (e) => {
        e.candidate.asOf = '2019-08-01';
      },
      /122 days/,
    ],
    [
      'labels it may have seen',
      (e) => {
        e.candidate.testCut = '2019-11-02';
      },
      /lies before its own test cut/,
    ],
    [
      'dates that cannot be read',
      (e) => {
        e.candidate.asOf = 'lately';
      },
      /dates/,
    ],
    [
      'too large',
      (e) => {
        e.candidate.bytes = 1_000_001;
      },
      /bytes/,
    ],
    [
      'empty',
      (e) => {
        e.candidate.bytes = 0;
      },
      /empty/,
    ],
    [
      'worse than the champion',
      (e) => {
        e.candidate.figures = { roc_auc: 0.78 };
      },
      /champion version 2/,
    ],
    [
      'worse than the rule, without a champion',
      (e) => {
        e.champion = null;
        e.candidate.figures = { roc_auc: 0.6 };
      },
      /rule rule/,
    ],
    [
      'never measured',
      (e) => {
        e.candidate.figures = null;
      },
      /missing or not a number/,
    ],
    [
      'a champion never measured',
      (e) => {
        if (e.champion) e.champion.figures = null;
      },
      /champion version 2 is missing/,
    ],
    [
      'no gate set',
      (e) => {
        e.policy.gates = [];
      },
      /no gate is set/,
    ],
    [
      'a gate that demands nothing',
      (e) => {
        e.policy.gates = [{ metric: 'roc_auc', greaterIsBetter: true }];
      },
      /demands nothing/,
    ],
  ])('refuse: %s', (_, change, expected) => {
    const reasons = reasonsOf(change);
    expect(reasons.length).toBeGreaterThan(0);
    expect(reasons.join('; ')).toMatch(expected);
  });

  it('tell every reason, not the first', () => {
    const reasons = reasonsOf((e) => {
      e.parity = null;
      e.candidate.bytes = 2_000_000;
      e.candidate.asOf = '2019-08-01';
      e.candidate.figures = { roc_auc: 0.5 };
    });
    expect(reasons).toHaveLength(4);
  });
});

describe('evidence', () => {
  it('has one hash whatever the order of its fields', () => {
    const turned = Object.fromEntries(Object.entries(sound).reverse()) as Evidence;
    expect(evidenceHash(turned)).toBe(evidenceHash(sound));
  });

  it('differs where it matters, and says where', () => {
    expect(materialChanges(sound, sound)).toEqual([]);
    const traced = but((e) => {
      e.trace.snapshots = { 'features.customer_daily': 9 };
    });
    expect(evidenceHash(traced)).not.toBe(evidenceHash(sound));
    expect(materialChanges(sound, traced)).toEqual([]);
    const dethroned = but((e) => {
      e.champion = { version: 4, package: 'c'.repeat(64), figures: { roc_auc: 0.7 } };
    });
    expect(materialChanges(sound, dethroned)[0]).toBe('the champion was version 2 and is version 4');
    const fresh = but((e) => {
      if (e.data) e.data.tables = [{ table: 'features.customer_daily', key: 'k2' }];
    });
    expect(materialChanges(sound, fresh)).toEqual([expect.stringContaining('data')]);
    const demoted = but((e) => {
      e.candidate.state = 'archived';
    });
    expect(materialChanges(sound, demoted)).toEqual([]);
    expect(
      materialChanges(
        sound,
        but((e) => {
          e.candidate.state = 'rejected';
        }),
      ),
    ).toEqual(['the candidate']);
  });
});
