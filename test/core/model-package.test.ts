// The package: equal parts, equal hash; whatever is broken is named; what was packed can be read again.
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { modelCard } from '../../core/model-card.ts';
import {
  allFigures,
  buildPackage,
  type ModelParts,
  parseEvaluation,
  parseManifest,
  parseSignature,
} from '../../core/model-package.ts';
import { sampleEvaluation, sampleParts } from './sample-evaluation.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('buildPackage', () => {
  it('gives equal bytes for equal parts, whatever the order of keys', () => {
    const parts = sampleParts();
    const { metric_freq, ...rest } = { metric_freq: 1, ...parts.lineage.learner.params };
    const shuffled = { ...parts.lineage, learner: { ...parts.lineage.learner, params: { ...rest, metric_freq } } };
    const sorted = { ...parts.lineage, learner: { ...parts.lineage.learner, params: { metric_freq, ...rest } } };
    expect(buildPackage({ ...parts, lineage: shuffled }).sha256).toBe(
      buildPackage({ ...parts, lineage: sorted }).sha256,
    );
  });

  it('changes its hash with any part', () => {
    const parts = sampleParts();
    const { evaluation, lineage, signature } = parts;
    const variants: ModelParts[] = [
      parts,
      { ...parts, onnx: new Uint8Array([1]) },
      { ...parts, nativeText: 'tree\n' },
      { ...parts, card: '# other\n' },
      { ...parts, lineage: { ...lineage, seed: 43 } },
      { ...parts, signature: { ...signature, calibration: { slope: 1, intercept: 0 } } },
      { ...parts, evaluation: { ...evaluation, figures: { roc_auc: { value: 0.9 } } } },
    ];
    expect(new Set(variants.map((variant) => buildPackage(variant).sha256)).size).toBe(variants.length);
  });

  it('binds each file by hash, and reads back what was packed', () => {
    const parts = sampleParts();
    const built = buildPackage(parts);
    const manifest = parseManifest(built.manifestBytes);
    expect(sha256(built.manifestBytes)).toBe(built.sha256);
    for (const { path, sha256: hash, bytes } of manifest.files) {
      expect([sha256(built.files[path]), built.files[path].byteLength]).toEqual([hash, bytes]);
    }
    expect(parseSignature(built.files['signature.json'])).toEqual(parts.signature);
    expect(parseEvaluation(built.files['metrics.json'])).toEqual(parts.evaluation);
  });

  it("gives MLflow's description with names that cannot break out of it", () => {
    const parts = sampleParts();
    const evil = { name: 'a"\n  evil: |', kind: 'numeric' as const, description: '' };
    const { MLmodel } = buildPackage({
      ...parts,
      signature: { ...parts.signature, features: [...parts.signature.features, evil] },
    }).files;
    expect(
      text(MLmodel)
        .split('\n')
        .some((line) => line.trim().startsWith('evil')),
    ).toBe(false);
    expect(text(MLmodel)).not.toMatch(/run_id/);
  });

  it.each<[string, (parts: ModelParts) => ModelParts]>([
    ['a category without a dictionary', (parts) => ({ ...parts, signature: { ...parts.signature, categories: {} } })],
    ['a path as model name', (parts) => ({ ...parts, model: '../prod' })],
    [
      'NaN',
      (parts) => ({ ...parts, evaluation: { ...parts.evaluation, figures: { roc_auc: { value: Number.NaN } } } }),
    ],
    ['an empty network', (parts) => ({ ...parts, onnx: new Uint8Array() })],
    ['a wrong plan hash', (parts) => ({ ...parts, lineage: { ...parts.lineage, planHash: 'abc' } })],
  ])('refuses %s', (_, broken) => {
    expect(() => buildPackage(broken(sampleParts()))).toThrow(PerennialError);
  });
});

describe('parseManifest', () => {
  const manifest = () => JSON.parse(text(buildPackage(sampleParts()).manifestBytes));
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

  it.each<[string, (m: ReturnType<typeof manifest>) => unknown]>([
    ['a file too many', (m) => ({ ...m, files: [...m.files, { path: 'x.pkl', sha256: 'a'.repeat(64), bytes: 1 }] })],
    ['a file twice', (m) => ({ ...m, files: [...m.files, m.files[0]] })],
    ['a file missing', (m) => ({ ...m, files: m.files.slice(1) })],
    ['an unknown field', (m) => ({ ...m, more: 1 })],
    ['a path', (m) => ({ ...m, files: m.files.map((f: object) => ({ ...f, path: '../../etc/passwd' })) })],
  ])('refuses %s', (_, change) => {
    expect(() => parseManifest(bytes(change(manifest())))).toThrow(/manifest/);
  });
});

describe('allFigures', () => {
  it('puts model, baseline and oracle side by side', () => {
    const figures = allFigures(sampleEvaluation());
    expect(figures).toMatchObject({
      roc_auc: 0.78,
      roc_auc_low: 0.76,
      roc_auc_high: 0.8,
      baseline_roc_auc: 0.71,
      oracle_roc_auc: 0.79,
    });
  });
});

describe('modelCard', () => {
  const parts = { ...sampleParts(), question: 'Who buys | within <30> days?' };

  it('says what was found, beside rule and ceiling', () => {
    const card = modelCard({ ...parts, parity: { rows: 10_000, maxAbsDifference: 2e-16 } });
    expect(card).toContain('| roc_auc | 0.78 (0.76–0.8) | 0.71 (0.69–0.73) | 0.79 |');
    expect(card).toContain('4000 rows');
    expect(card).toContain('at most 2e-16 away on 10000 adversarial rows');
    expect(modelCard(parts)).toBe(modelCard(parts));
  });

  it('keeps foreign text as text', () => {
    expect(modelCard(parts)).toContain('Who buys \\| within &lt;30> days?');
  });
});
