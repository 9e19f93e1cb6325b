// Signed statements: DSSE's own encoding, equal parts equal bytes, and every way in which a signature may not fit what it is shown with.
import { describe, expect, it } from 'vitest';
import { ed25519Signer, newKeyPair, verifyEd25519 } from '../../adapters/signing/ed25519.ts';
import { emptyKeyring, type Keyring, withKey, withoutTrust } from '../../core/keyring.ts';
import { buildPackage } from '../../core/model-package.ts';
import {
  type Envelope,
  open,
  openBest,
  preAuthentication,
  requireSigned,
  type SignedVersion,
  type Signer,
  seal,
  statementOf,
} from '../../core/signed-manifest.ts';
import { sampleParts } from './sample-evaluation.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

const pair = newKeyPair();
const stranger = newKeyPair();
const addedAt = '2025-01-01T00:00:00Z';
const dev = withKey(emptyKeyring('dev'), { ...pair, addedAt });
const built = buildPackage(sampleParts());
const version: SignedVersion & { createdAt: Date } = {
  model: 'ecommerce-intelligence/propensity',
  version: 3,
  key: 'key-of-three',
  packageSha256: built.sha256,
  metrics: { roc_auc: 0.78 },
  lineage: { asOf: '2025-05-01' },
  createdAt: new Date('2025-05-02T10:00:00Z'),
};

const signedBy = (signer: Signer, more: Partial<Parameters<typeof statementOf>[0]> = {}): Envelope =>
  seal(
    statementOf({
      environment: 'dev',
      version,
      manifest: built.manifest,
      approver: null,
      signedWith: signer.keyId,
      ...more,
    }),
    signer,
  );
const signer = ed25519Signer(pair);
const check = (envelope: unknown, given: Partial<SignedVersion> = {}, keyring: Keyring = dev, environment = 'dev') =>
  open(envelope, { environment, version: { ...version, ...given } }, { keyring, verify: verifyEd25519 });
const failing = (...given: Parameters<typeof check>) =>
  check(...given)
    .checks.filter(({ ok }) => !ok)
    .map((found) => found.check);

describe('the envelope', () => {
  it("encodes what is signed as DSSE's specification shows", () => {
    const encoded = preAuthentication('http://example.com/HelloWorld', bytes('hello world'));
    expect(text(encoded)).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  it('is the same for the same statement and key', () => {
    expect(signedBy(signer)).toEqual(signedBy(signer));
  });

  it('speaks of every file of the package, and never of a private key', () => {
    const { statement } = check(signedBy(signer));
    expect(statement?.subject.map(({ name }) => name)).toEqual([
      'manifest.json',
      ...built.manifest.files.map(({ path }) => path),
    ]);
    expect(JSON.stringify([signedBy(signer), dev])).not.toMatch(/PRIVATE/);
  });
});

describe('a signature', () => {
  it('counts for exactly what it was made for', () => {
    const { ok, keyId, checks } = check(signedBy(signer));
    expect([ok, keyId]).toEqual([true, pair.id]);
    expect(checks.map((found) => found.check)).toEqual(['signature', 'environment', 'version', 'package', 'registry']);
  });

  it.each<[string, Partial<SignedVersion>, string]>([
    ['another version', { version: 4 }, 'version'],
    ['another model', { model: 'ecommerce-intelligence/other' }, 'version'],
    ['another package', { packageSha256: 'a'.repeat(64) }, 'package'],
    ['other figures', { metrics: { roc_auc: 0.99 } }, 'registry'],
    ['another lineage', { lineage: {} }, 'registry'],
    ['another key', { key: 'key-of-four' }, 'registry'],
  ])('does not count for %s', (_, given, wrong) => {
    expect(failing(signedBy(signer), given)).toEqual([wrong]);
  });

  it('of one environment does not count in another, even under the same key', () => {
    const prod = { ...dev, environment: 'prod' };
    expect(failing(signedBy(signer), {}, prod, 'prod')).toEqual(['environment']);
    const other = withKey(emptyKeyring('prod'), { ...stranger, addedAt });
    expect(check(signedBy(signer), {}, other, 'prod').checks).toEqual([
      { check: 'signature', found: `key ${pair.id} is none of the 1 that prod trusts`, ok: false },
    ]);
  });

  it("does not count by a stranger, under his own name or under a trusted key's", () => {
    const envelope = signedBy(ed25519Signer(stranger));
    expect(failing(envelope)).toEqual(['signature']);
    const [{ sig } = { sig: '' }] = envelope.signatures;
    expect(check({ ...envelope, signatures: [{ keyid: pair.id, sig }] }).checks[0]?.found).toMatch(/does not fit/);
  });

  it('does not count once its key is revoked, and still counts once another key signs', () => {
    const rotated = withKey(dev, { ...stranger, addedAt });
    expect(check(signedBy(signer), {}, rotated).ok).toBe(true);
    const revoked = withoutTrust(rotated, pair.id, '2025-06-01T00:00:00Z', 'laptop lost');
    expect(check(signedBy(signer), {}, revoked).checks).toEqual([
      { check: 'signature', found: `key ${pair.id} was revoked on 2025-06-01 (laptop lost)`, ok: false },
    ]);
  });

  it('breaks with any byte of the payload, of its type and of itself', () => {
    const envelope = signedBy(signer);
    const payload = Buffer.from(envelope.payload, 'base64');
    for (let at = 0; at < payload.length; at += 7) {
      const flipped = Buffer.from(payload);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(failing({ ...envelope, payload: flipped.toString('base64') })).toEqual(['signature']);
    }
    expect(failing({ ...envelope, payloadType: 'application/json' })).toEqual(['signature']);
    const sig = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64');
    for (const wrong of [sig.subarray(1), Buffer.concat([sig, sig]), Buffer.alloc(64), Buffer.alloc(0)])
      expect(failing({ ...envelope, signatures: [{ keyid: pair.id, sig: wrong.toString('base64') }] })).toEqual([
        'signature',
      ]);
  });

  it.each([undefined, null, 'x', {}, { payloadType: 'x', payload: 'eA==', signatures: [] }])(
    'is not found in %j',
    (given) => {
      expect(failing(given)).toEqual(['signature']);
    },
  );

  it('may be the second of two', () => {
    const wrong = signedBy(ed25519Signer(stranger));
    const expected = { environment: 'dev', version };
    const trust = { keyring: dev, verify: verifyEd25519 };
    expect(openBest([wrong, signedBy(signer)], expected, trust).ok).toBe(true);
    expect(() => requireSigned([wrong], expected, trust)).toThrow(/none of the 1 that dev trusts/);
    expect(() => requireSigned([], expected, trust)).toThrow(/never signed/);
  });
});
