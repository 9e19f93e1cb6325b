// Only what somebody of standing vouches for is loaded: each way of slipping in something else is refused before a byte of it runs.
import { describe, expect, it } from 'vitest';
import { ed25519Signer, newKeyPair } from '../../adapters/signing/ed25519.ts';
import { emptyKeyring, type Keyring, withKey, withoutTrust } from '../../core/keyring.ts';
import type { ModelPackage } from '../../core/model-package.ts';
import { type Envelope, type SignedVersion, seal, statementOf } from '../../core/signed-manifest.ts';
import type { Session } from '../../serving/load-package.ts';
import { registrySource } from '../../serving/sources.ts';
import { served } from './fakes.ts';
import { packageOf } from './packages.ts';

const model = served.registered;
const addedAt = '2025-01-01T00:00:00Z';
const [key, other] = [newKeyPair(), newKeyPair()];
const packages = [packageOf(new TextEncoder().encode('one')), packageOf(new TextEncoder().encode('two'))];
const built = (version: number): ModelPackage => packages[version - 1] ?? packageOf(new Uint8Array([1]));

const row = (version: number): SignedVersion & { createdAt: Date } => ({
  model,
  version,
  key: `key-of-${version}`,
  packageSha256: built(version).sha256,
  metrics: {},
  lineage: {},
  createdAt: new Date(addedAt),
});
const envelopeOf = (version: number, pair = key, environment = 'dev'): Envelope => {
  const signer = ed25519Signer(pair);
  const { manifest } = built(version);
  const parts = { environment, version: row(version), manifest, approver: null, signedWith: signer.keyId };
  return seal(statementOf(parts), signer);
};

/** A world in which version 2 is champion; what is stored can be tampered with. */
const world = (envelopes: readonly unknown[]) => {
  const bytes = new Map<string, Uint8Array>();
  for (const { manifest, manifestBytes, files, sha256 } of packages) {
    for (const { path, sha256: hash } of manifest.files) bytes.set(hash, files[path]);
    bytes.set(sha256, manifestBytes);
  }
  const state = { keyring: withKey(emptyKeyring('dev'), { ...key, addedAt }) as Keyring, asked: 0, opened: 0 };
  const session: Session = {
    score: async () => ({ raw: Float64Array.of(0), probability: Float64Array.of(0.5) }),
    release: async () => undefined,
  };
  const source = registrySource({
    environment: 'dev',
    registry: { champion: async () => undefined },
    signatures: {
      of: async () => {
        state.asked += 1;
        return [...envelopes];
      },
    },
    keys: { keyring: () => state.keyring },
    artifacts: { get: async (hash) => Buffer.from(bytes.get(hash) ?? []) },
    open: async () => {
      state.opened += 1;
      return session;
    },
  });
  const champion = { version: 2, packageSha256: built(2).sha256 };
  return { state, source, champion, bytes, load: (held = champion) => source.load(model, held) };
};

describe('a champion', () => {
  it('is loaded by the key that vouches for it', async () => {
    const { load } = world([envelopeOf(2)]);
    expect(await load()).toMatchObject({ signedBy: key.id, view: 'features.customer_daily' });
  });

  const flipped = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte, at) => (at === 1 ? byte ^ 1 : byte));

  it.each(['model.onnx', 'signature.json', 'MLmodel'] as const)(
    'with a flipped byte in %s is refused',
    async (path) => {
      const { load, bytes, state } = world([envelopeOf(2)]);
      const hash = built(2).manifest.files.find((file) => file.path === path)?.sha256 ?? '';
      bytes.set(hash, flipped(bytes.get(hash) ?? new Uint8Array()));
      await expect(load()).rejects.toMatchObject({ code: 'HASH_MISMATCH', context: { field: path } });
      expect(state.opened).toBe(0);
    },
  );

  it('with a flipped byte in its manifest is refused', async () => {
    const { load, bytes } = world([envelopeOf(2)]);
    bytes.set(built(2).sha256, flipped(built(2).manifestBytes));
    await expect(load()).rejects.toMatchObject({ code: 'HASH_MISMATCH', context: { field: 'manifest.json' } });
  });

  it('whose row was pointed at the package of another version is refused', async () => {
    const { load } = world([envelopeOf(2)]);
    await expect(load({ version: 2, packageSha256: built(1).sha256 })).rejects.toThrow(/package: .*, not/);
  });

  it.each<[string, unknown[], RegExp]>([
    ['nobody signed', [], /never signed/],
    ['somebody signed for another version', [envelopeOf(1)], /version: .*@1, not .*@2/],
    ['a stranger signed', [envelopeOf(2, other)], /none of the 1 that dev trusts/],
    ['another environment signed with our key', [envelopeOf(2, key, 'prod')], /environment: prod, not dev/],
    ['is signed with garbage', [{ ...envelopeOf(2), payload: envelopeOf(1).payload }], /does not fit/],
    ['has no envelope but text', ['signed, honestly'], /no signed manifest/],
  ])('that %s is refused', async (_, envelopes, reason) => {
    const { load, state } = world(envelopes);
    await expect(load()).rejects.toMatchObject({ code: 'NOT_TRUSTED', message: expect.stringMatching(reason) });
    expect(state.opened).toBe(0);
  });

  it('is asked about again only when the keyring changes, and is trusted no more once its key is revoked', async () => {
    const { load, source, champion, state } = world([envelopeOf(2)]);
    await load();
    for (let look = 0; look < 10; look += 1) await source.trusted(model, champion);
    expect(state.asked).toBe(1);
    state.keyring = withKey(state.keyring, { ...other, addedAt });
    await source.trusted(model, champion);
    expect(state.asked).toBe(2);
    state.keyring = withoutTrust(state.keyring, key.id, addedAt, 'lost');
    await expect(source.trusted(model, champion)).rejects.toThrow(/revoked/);
    await expect(load()).rejects.toThrow(/revoked/);
  });
});
