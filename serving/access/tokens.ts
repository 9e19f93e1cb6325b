// Access tokens: short-lived JWTs signed by a key of the environment's own. The algorithm is pinned, the key is found by its id in the
// environment's keyring and nowhere else, and whatever a header offers besides (a key, an address of keys) makes it no token.
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { exportJWK, type JWK, type JWTHeaderParameters, errors as joseErrors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { KeyPair } from '../../adapters/signing/ed25519.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { type ApiRole, apiRoles, type Principal } from '../../core/api-policy.ts';
import { type Keyring, whyUntrusted } from '../../core/keyring.ts';

/** The keys that sign tokens; others than those that vouch for models. */
export interface TokenKeys {
  keyring(): Keyring;
  trustedPair(): KeyPair;
}

export const tokenKeysIn = (keys: string, environment: string): KeyFolder =>
  new KeyFolder(join(keys, 'tokens'), environment);

export const TOKEN_SECONDS = 15 * 60;
/** However it was signed, a token that was made to live longer than this is none of ours. */
export const LONGEST_TOKEN_SECONDS = 60 * 60;
/** Clocks may differ by this much. */
const LEEWAY_SECONDS = 30;
const ISSUER = 'perennial';
const TYPE = 'at+jwt';

export interface TokenParts {
  readonly environment: string;
  /** Who may use it, as the audit and the rate limit know him. */
  readonly subject: string;
  readonly roles: readonly ApiRole[];
  readonly seconds?: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A new token, signed by the current key, which is made where there is none. */
export const issueToken = (
  keys: TokenKeys,
  { environment, subject, roles, seconds = TOKEN_SECONDS, now }: TokenParts,
): Promise<string> => {
  const pair = keys.trustedPair();
  const at = Math.floor(now / 1_000);
  return new SignJWT({ roles: [...roles] })
    .setProtectedHeader({ alg: 'EdDSA', kid: pair.id, typ: TYPE })
    .setIssuer(ISSUER)
    .setAudience(environment)
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt(at)
    .setExpirationTime(at + seconds)
    .sign(createPrivateKey(pair.privateKey));
};

export interface ReadToken {
  readonly principal: Principal;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const Claims = z.looseObject({
  sub: z.string().min(1).max(200),
  iat: z.int(),
  exp: z.int(),
  roles: z.array(z.enum(apiRoles)).max(apiRoles.length),
});

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const HEADERS = new Set(['alg', 'kid', 'typ']);

/** Who a token speaks for, or in words why nobody believes it. */
export const readToken = async (
  text: string,
  keyring: Keyring,
  { environment, now }: Pick<TokenParts, 'environment' | 'now'>,
): Promise<ReadToken | { readonly why: string }> => {
  if (!COMPACT.test(text)) return { why: 'this is no token' };
  try {
    const { payload } = await jwtVerify(text, (header) => keyFor(header, keyring), {
      algorithms: ['EdDSA'],
      issuer: ISSUER,
      audience: environment,
      typ: TYPE,
      requiredClaims: ['sub', 'iat', 'exp', 'jti'],
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(now),
    });
    const { sub, iat, exp, roles } = Claims.parse(payload);
    if (exp - iat > LONGEST_TOKEN_SECONDS) return { why: 'it was made to live too long' };
    if (iat > now / 1_000 + LEEWAY_SECONDS) return { why: 'it is not yet valid' };
    return { principal: { id: sub, roles, kind: 'token' }, expiresAt: exp * 1_000 };
  } catch (error) {
    return { why: whyNot(error) };
  }
};

class Untrusted extends Error {}

const keyFor = (header: JWTHeaderParameters | { [name: string]: unknown }, keyring: Keyring): KeyObject => {
  const stray = Object.keys(header).find((name) => !HEADERS.has(name));
  if (stray !== undefined) throw new Untrusted(`its header names ${stray.slice(0, 20)}`);
  const id = typeof header.kid === 'string' ? header.kid : '';
  const known = keyring.keys.find((key) => key.id === id);
  if (!known || whyUntrusted(keyring, id) !== undefined) throw new Untrusted('its key is not trusted here');
  return createPublicKey(known.publicKey);
};

/** In words of our own: a library's message may repeat what was sent. */
const whyNot = (error: unknown): string => {
  if (error instanceof Untrusted) return error.message;
  if (error instanceof joseErrors.JWTExpired) return 'it has expired';
  if (error instanceof joseErrors.JWSSignatureVerificationFailed) return 'its signature does not fit';
  if (error instanceof joseErrors.JOSEAlgNotAllowed) return 'its algorithm is not the one of this server';
  if (error instanceof joseErrors.JWTClaimValidationFailed) {
    return error.claim === 'aud' ? 'it is meant for another environment' : `its ${error.claim} is not right`;
  }
  if (error instanceof joseErrors.JOSEError || error instanceof z.ZodError) return 'this is no token of this server';
  throw error;
};

/** The public keys that tokens are checked with, as RFC 7517 has them. */
export const jwksOf = async (keyring: Keyring): Promise<{ readonly keys: readonly JWK[] }> => {
  const trusted = keyring.keys.filter(({ id }) => whyUntrusted(keyring, id) === undefined);
  const keys = trusted.map(async ({ id, publicKey }) => {
    const jwk = await exportJWK(createPublicKey(publicKey));
    return { ...jwk, kid: id, alg: 'EdDSA', use: 'sig' };
  });
  return { keys: await Promise.all(keys) };
};
