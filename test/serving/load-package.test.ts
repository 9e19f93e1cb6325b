// Loading a package: only verified bytes of the right model, in agreement with their signature, become a model.
import { describe, expect, it } from 'vitest';
import type { ModelPackage } from '../../core/model-package.ts';
import { loadPackage, type Session, type Vouched } from '../../serving/load-package.ts';
import { served } from './fakes.ts';
import { packageOf } from './packages.ts';

const parts = packageOf(new TextEncoder().encode('onnx'));

/** Artifacts as a broken store would give them: whatever `tamper` makes of the bytes. */
const storeOf = (
  { files, manifest, manifestBytes, sha256 }: ModelPackage,
  tamper: (path: string, bytes: Uint8Array) => Uint8Array,
) => {
  const byHash = new Map(manifest.files.map(({ path, sha256: hash }) => [hash, tamper(path, files[path])]));
  byHash.set(sha256, tamper('manifest.json', manifestBytes));
  return { get: async (hash: string) => Buffer.from(byHash.get(hash) ?? []) };
};

/** Somebody vouched for exactly these bytes, or for others under one name. */
const vouched = (changed?: string): Vouched => {
  const files = [{ path: 'manifest.json', sha256: parts.sha256 }, ...parts.manifest.files];
  return {
    by: 'k',
    files: new Map(files.map(({ path, sha256 }) => [path, path === changed ? 'e'.repeat(64) : sha256])),
  };
};

const whole = (_: string, bytes: Uint8Array): Uint8Array => bytes;
const sigmoid = (raw: number): number => 1 / (1 + Math.exp(-raw));

/** A session whose raw score is `recency − 10 × brand code`. */
const session =
  (seen: number[][], off = 0) =>
  async (): Promise<Session> => ({
    score: async (input) => {
      seen.push([...input]);
      const raw = (input[0] || 0) - 10 * (input[1] || 0);
      return { raw: Float64Array.of(raw), probability: Float64Array.of(sigmoid(raw) + off) };
    },
    release: async () => undefined,
  });

describe('loadPackage', () => {
  it('scores by the signature: order, codes, missing values', async () => {
    const seen: number[][] = [];
    const model = await loadPackage(storeOf(parts, whole), session(seen), served.registered, parts.sha256, vouched());
    expect(model.view).toBe('features.customer_daily');
    expect(await model.score({ preferred_brand: 'zen', recency_days: 9.5, extra: 1 })).toBe(sigmoid(-0.5));
    await model.score({ preferred_brand: 'unseen', recency_days: null });
    expect(seen).toEqual([
      [Number.NaN, Number.NaN],
      [9.5, 1],
      [Number.NaN, Number.NaN],
    ]);
  });

  it.each(['manifest.json', 'model.onnx', 'signature.json', 'model.txt', 'card.md'])(
    'refuses a changed %s',
    async (changed) => {
      const tamper = (path: string, bytes: Uint8Array) => (path === changed ? Uint8Array.from([...bytes, 32]) : bytes);
      const { registered } = served;
      const loading = loadPackage(storeOf(parts, tamper), session([]), registered, parts.sha256, vouched());
      await expect(loading).rejects.toMatchObject({ code: 'HASH_MISMATCH', context: { field: changed } });
    },
  );

  it.each(['manifest.json', 'model.onnx', 'signature.json', 'model.txt', 'card.md'])(
    'refuses a %s that nobody vouched for, whole as it is',
    async (changed) => {
      const loading = loadPackage(
        storeOf(parts, whole),
        session([]),
        served.registered,
        parts.sha256,
        vouched(changed),
      );
      await expect(loading).rejects.toThrow(/Key k signed another/);
    },
  );

  it('refuses the package of another model', async () => {
    const loading = loadPackage(
      storeOf(parts, whole),
      session([]),
      'ecommerce-intelligence/other',
      parts.sha256,
      vouched(),
    );
    await expect(loading).rejects.toMatchObject({ code: 'CONTRACT_BROKEN' });
  });

  it('refuses a graph whose probability is not what the signature says', async () => {
    const loading = loadPackage(storeOf(parts, whole), session([], 1e-6), served.registered, parts.sha256, vouched());
    await expect(loading).rejects.toMatchObject({ code: 'PARITY_BROKEN' });
  });
});
