// Signs a version with the key of this environment, and refuses to go on with one that nobody of standing signed. For registration,
// promotion and scoring.

import type { RegisteredVersion } from '../adapters/postgres/registry.ts';
import { PostgresSignatures } from '../adapters/postgres/signatures.ts';
import { verifyEd25519 } from '../adapters/signing/ed25519.ts';
import { canonicalJson } from '../core/commit.ts';
import type { Manifest } from '../core/model-package.ts';
import { type Approver, openBest, requireSigned, type Signed, seal, statementOf } from '../core/signed-manifest.ts';
import type { Deps } from './deps.ts';

export type SigningDeps = Pick<Deps, 'pool' | 'keys'> & { readonly settings: Pick<Deps['settings'], 'name'> };

export interface SignRequest {
  readonly version: RegisteredVersion;
  /** Of the version's package, read from bytes whose hash was verified. */
  readonly manifest: Manifest;
  /** Null where nobody has to approve. */
  readonly approver: Approver | null;
  /** Workflow or person, for the record. */
  readonly by: string;
}

/**
 * Returns the key that vouches for the version. A good signature is not made again, whatever trusted key made it, unless it was made
 * before this approver had spoken.
 */
export const signVersion = async (deps: SigningDeps, given: SignRequest): Promise<string> => {
  const { pool, keys, settings } = deps;
  const { version, manifest, approver, by } = given;
  const signatures = new PostgresSignatures(pool);
  const expected = { environment: settings.name, version };
  const known = openBest(await signatures.of(version), expected, { keyring: keys.keyring(), verify: verifyEd25519 });
  const said = known.statement?.predicate.approver ?? null;
  if (known.ok && (approver === null || canonicalJson(said) === canonicalJson(approver))) return known.keyId;
  const signer = keys.signer();
  const parts = { environment: settings.name, version, manifest, approver, signedWith: signer.keyId };
  await signatures.add(version, seal(statementOf(parts), signer), by);
  return signer.keyId;
};

/** What was signed about a version. @throws PerennialError NOT_TRUSTED with every reason. */
export const requireSignature = async (
  { pool, keys, settings }: SigningDeps,
  version: RegisteredVersion,
): Promise<Signed> =>
  requireSigned(
    await new PostgresSignatures(pool).of(version),
    { environment: settings.name, version },
    { keyring: keys.keyring(), verify: verifyEd25519 },
  );
