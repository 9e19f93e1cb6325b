// What an environment signs when it takes a model version in: an in-toto statement (https://in-toto.io/Statement/v1) about the bytes of
// its package, in a DSSE envelope (https://github.com/secure-systems-lab/dsse), so that other tools can check it. Pure: keys come in.
import { z } from 'zod';
import { canonicalJson } from './commit.ts';
import { PerennialError } from './errors.ts';
import { type Keyring, whyUntrusted } from './keyring.ts';
import type { Manifest } from './model-package.ts';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Json = z.record(z.string(), z.unknown());

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const PREDICATE_TYPE = 'urn:perennial:model-version:1';
const MANIFEST_NAME = 'manifest.json';

/** Who let the version into the environment; null in dev, where nobody has to. */
const Approver = z.strictObject({ by: z.string().min(1), why: z.string(), evidence: Sha256.optional() });
export type Approver = z.infer<typeof Approver>;

export const Statement = z.strictObject({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  /** `manifest.json`, whose hash is the package's, then each of its files. */
  subject: z.array(z.strictObject({ name: z.string(), digest: z.strictObject({ sha256: Sha256 }) })).min(1),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.strictObject({
    environment: z.string(),
    model: z.string(),
    version: z.int().positive(),
    key: z.string(),
    registeredAt: z.iso.datetime(),
    lineage: Json,
    metrics: Json,
    approver: Approver.nullable(),
    signedWith: z.string(),
  }),
});
export type Statement = z.infer<typeof Statement>;

const Base64 = z.base64();
export const Envelope = z.strictObject({
  payloadType: z.string(),
  payload: Base64,
  signatures: z.array(z.strictObject({ keyid: z.string(), sig: Base64 })).min(1),
});
export type Envelope = z.infer<typeof Envelope>;

/** Signs with one key. */
export interface Signer {
  readonly keyId: string;
  sign(bytes: Uint8Array): Uint8Array;
}

/** The keys of one environment: to sign with the current one, and to know which ones count. Both as they are at the moment. */
export interface SigningKeys {
  signer(): Signer;
  keyring(): Keyring;
}

/** True if `signature` is of these bytes by the holder of `publicKey` (SPKI PEM). */
export type VerifyBytes = (publicKey: string, bytes: Uint8Array, signature: Uint8Array) => boolean;

/** A version as the registry has it. */
export interface SignedVersion {
  readonly model: string;
  readonly version: number;
  readonly key: string;
  readonly packageSha256: string;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly lineage: Readonly<Record<string, unknown>>;
}

export interface StatementParts {
  readonly environment: string;
  readonly version: SignedVersion & { readonly createdAt: Date };
  readonly manifest: Manifest;
  readonly approver: Approver | null;
  readonly signedWith: string;
}

/** Equal parts give equal bytes once signed: nothing in it but the version's own times. */
export const statementOf = ({ environment, version, manifest, approver, signedWith }: StatementParts): Statement => ({
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ path: MANIFEST_NAME, sha256: version.packageSha256 }, ...manifest.files].map(({ path, sha256 }) => ({
    name: path,
    digest: { sha256 },
  })),
  predicateType: PREDICATE_TYPE,
  predicate: {
    environment,
    model: version.model,
    version: version.version,
    key: version.key,
    registeredAt: version.createdAt.toISOString(),
    lineage: version.lineage,
    metrics: version.metrics,
    approver,
    signedWith,
  },
});

/** Puts a statement into an envelope. Ed25519 is deterministic: the same statement and key give the same envelope. */
export const seal = (statement: Statement, signer: Signer): Envelope => {
  const payload = new TextEncoder().encode(canonicalJson(Statement.parse(statement)));
  const sig = signer.sign(preAuthentication(PAYLOAD_TYPE, payload));
  return {
    payloadType: PAYLOAD_TYPE,
    payload: toBase64(payload),
    signatures: [{ keyid: signer.keyId, sig: toBase64(sig) }],
  };
};

/** DSSE's pre-authentication encoding: what is signed is the type and the payload with their lengths, so neither can be shifted. */
export const preAuthentication = (payloadType: string, payload: Uint8Array): Uint8Array => {
  const type = new TextEncoder().encode(payloadType);
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
};

/** What a signature must speak of. Figures and lineage are compared where they are given. */
export interface Expected {
  readonly environment: string;
  readonly version: Pick<SignedVersion, 'model' | 'version' | 'packageSha256'> & Partial<SignedVersion>;
}

export interface Check {
  readonly check: 'signature' | 'environment' | 'version' | 'package' | 'registry' | 'files';
  /** What was found, in words. */
  readonly found: string;
  readonly ok: boolean;
}

/** What was found about one envelope; the statement only where the signature is good. */
export interface Opened {
  readonly keyId: string;
  readonly checks: readonly Check[];
  readonly statement?: Statement;
  readonly ok: boolean;
}

export interface Trust {
  readonly keyring: Keyring;
  readonly verify: VerifyBytes;
}

/** Opens an envelope. The payload is read only after its signature was found good; all that disagrees is told. */
export const open = (given: unknown, expected: Expected, trust: Trust): Opened => {
  const envelope = Envelope.safeParse(given);
  if (!envelope.success) return refused('', 'this is no signed manifest');
  const { keyId, problem } = goodSignature(envelope.data, trust);
  if (problem !== undefined) return refused(keyId, problem);
  const statement = Statement.safeParse(jsonOf(envelope.data.payload));
  if (!statement.success) return refused(keyId, `its statement cannot be read: ${z.prettifyError(statement.error)}`);
  const signed: Check = {
    check: 'signature',
    found: `good, by key ${keyId} of ${trust.keyring.environment}`,
    ok: true,
  };
  const checks = [signed, ...agreement(statement.data, expected)];
  return { keyId, checks, statement: statement.data, ok: checks.every(({ ok }) => ok) };
};

/** The best of several envelopes: the first that is right, else the first. */
export const openBest = (envelopes: readonly unknown[], expected: Expected, trust: Trust): Opened => {
  const opened = envelopes.map((envelope) => open(envelope, expected, trust));
  return opened.find(({ ok }) => ok) ?? opened[0] ?? refused('', 'it was never signed');
};

/** A good signature: whose it is, and what it says. */
export interface Signed {
  readonly keyId: string;
  readonly statement: Statement;
}

/**
 * What was signed about a version, by a key that its environment trusts.
 * @throws PerennialError NOT_TRUSTED with every reason.
 */
export const requireSigned = (envelopes: readonly unknown[], expected: Expected, trust: Trust): Signed => {
  const { ok, checks, statement, keyId } = openBest(envelopes, expected, trust);
  if (ok && statement) return { keyId, statement };
  const { model, version } = expected.version;
  const reasons = checks.filter((check) => !check.ok).map(({ check, found }) => `${check}: ${found}`);
  throw new PerennialError('NOT_TRUSTED', `Version ${version} of ${model} is not trusted: ${reasons.join('; ')}`, {
    field: 'signature',
    mend: `See \`perennial verify ${model}@${version} --env ${expected.environment}\``,
  });
};

/** The hash of each file that a statement speaks of. */
export const filesOf = ({ subject }: Statement): ReadonlyMap<string, string> =>
  new Map(subject.map(({ name, digest }) => [name, digest.sha256]));

const refused = (keyId: string, found: string): Opened => ({
  keyId,
  checks: [{ check: 'signature', found, ok: false }],
  ok: false,
});

/** One good signature by a trusted key is enough, as in DSSE; the key's name in the envelope is only a hint where to look. */
const goodSignature = (
  { payloadType, payload, signatures }: Envelope,
  { keyring, verify }: Trust,
): { readonly keyId: string; readonly problem?: string } => {
  const bytes = preAuthentication(payloadType, fromBase64(payload));
  const tried = signatures.map(({ keyid: keyId, sig }) => {
    const untrusted = whyUntrusted(keyring, keyId);
    if (untrusted !== undefined) return { keyId, problem: untrusted };
    const key = keyring.keys.find(({ id }) => id === keyId)?.publicKey ?? '';
    if (verify(key, bytes, fromBase64(sig))) return { keyId };
    return { keyId, problem: `the signature by key ${keyId} does not fit the statement` };
  });
  const problem = tried.map((one) => ('problem' in one ? one.problem : undefined)).join('; ');
  const good = tried.find((one) => !('problem' in one)) ?? { keyId: tried[0]?.keyId ?? '', problem };
  return payloadType === PAYLOAD_TYPE ? good : { keyId: good.keyId, problem: `its payload is ${payloadType}` };
};

const agreement = ({ subject, predicate }: Statement, { environment, version }: Expected): Check[] => {
  const manifest = subject.find(({ name }) => name === MANIFEST_NAME)?.digest.sha256 ?? 'none';
  const same = (check: Check['check'], found: string, wanted: string): Check =>
    found === wanted ? { check, found, ok: true } : { check, found: `${found}, not ${wanted}`, ok: false };
  return [
    same('environment', predicate.environment, environment),
    same('version', `${predicate.model}@${predicate.version}`, `${version.model}@${version.version}`),
    same('package', manifest, version.packageSha256),
    ...registryCheck(predicate, version),
  ];
};

const registryCheck = (predicate: Statement['predicate'], version: Expected['version']): Check[] => {
  const compared = (['key', 'metrics', 'lineage'] as const).filter((field) => version[field] !== undefined);
  if (compared.length === 0) return [];
  const other = compared.filter((field) => canonicalJson(predicate[field]) !== canonicalJson(version[field]));
  const found = other.length === 0 ? `${compared.join(', ')} as signed` : `${other.join(', ')} changed since`;
  return [{ check: 'registry', found, ok: other.length === 0 }];
};

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const fromBase64 = (text: string): Uint8Array => Buffer.from(text, 'base64');
const jsonOf = (payload: string): unknown => {
  try {
    return JSON.parse(Buffer.from(payload, 'base64').toString('utf8'));
  } catch {
    // Signed, but not JSON: the schema says so next.
    return undefined;
  }
};
