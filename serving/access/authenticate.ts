// From credentials to a principal. What was looked up is kept for a few seconds, so that a request costs no query of its own, and for a
// while longer when Postgres is away: a revocation holds after those seconds.
import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { apiKeyHash } from '../../core/api-key.ts';
import type { ApiRole, Principal } from '../../core/api-policy.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Keyring } from '../../core/keyring.ts';
import { inTurn, type MaybeLater } from '../in-turn.ts';
import type { Credentials } from './credentials.ts';
import { NOBODY } from './principal.ts';
import { type ReadToken, readToken, type TokenKeys } from './tokens.ts';

/** An API key as it is stored. */
export interface StoredKey {
  readonly id: string;
  readonly sha256: string;
  readonly roles: readonly ApiRole[];
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
}

export interface KeyStore {
  /** Undefined for a key that never was. */
  find(id: string): Promise<StoredKey | undefined>;
}

export interface AuthenticatorOptions {
  readonly environment: string;
  readonly keys: KeyStore;
  readonly tokenKeys: Pick<TokenKeys, 'keyring'>;
  /** Of requests without credentials; none: they are refused. */
  readonly anonymousRoles: readonly ApiRole[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds for which what was looked up is believed. */
  readonly keptMs?: number;
}

/** Who asks, or why it is nobody. `given`: there were credentials. */
export type Verdict = { readonly principal: Principal } | { readonly why: string; readonly given: boolean };

const KEPT_MS = 5_000;
/** How long keys that were looked up before are believed while Postgres does not answer. */
const OUTAGE_MS = 15 * 60_000;
const KEPT_KEYS = 10_000;

interface Found {
  readonly key: StoredKey | undefined;
  readonly at: number;
}

export class Authenticator {
  private readonly options: AuthenticatorOptions;
  private readonly found: LRUCache<string, Found>;
  private readonly tokens: LRUCache<string, ReadToken>;
  private keyring: { readonly keys: Keyring; readonly at: number } | undefined;

  constructor(options: AuthenticatorOptions) {
    const { keptMs = KEPT_MS, keys, now } = options;
    this.options = options;
    // Finer than a twentieth, the age of what is kept would be looked at by a timer for every other request.
    const kept = { max: KEPT_KEYS, ttl: keptMs, ttlResolution: Math.max(1, keptMs / 20) };
    this.tokens = new LRUCache(kept);
    this.found = new LRUCache<string, Found>({
      ...kept,
      fetchMethod: async (id) => ({ key: await keys.find(id), at: now() }),
      // What is no longer fresh may be all there is while Postgres is away.
      noDeleteOnStaleGet: true,
      allowStaleOnFetchRejection: true,
      noDeleteOnFetchRejection: true,
    });
  }

  /** At once for who was here within seconds. `UNAVAILABLE` for a key that is not known here while Postgres does not answer. */
  who(credentials: Credentials): MaybeLater<Verdict> {
    switch (credentials.kind) {
      case 'none':
        return this.anonymous();
      case 'malformed':
        return { why: credentials.why, given: true };
      case 'key':
        return this.byKey(credentials);
      case 'token':
        return this.byToken(credentials.text);
    }
  }

  private anonymous(): Verdict {
    const { anonymousRoles: roles, environment } = this.options;
    if (roles.length > 0) return { principal: { ...NOBODY, id: 'anonymous', roles } };
    return { why: `${environment} answers nobody without credentials`, given: false };
  }

  private byKey({ text, parts }: Extract<Credentials, { kind: 'key' }>): MaybeLater<Verdict> {
    if (parts.environment !== this.options.environment) return refused('The API key is not of this environment');
    const known = this.found.get(parts.id);
    return known ? this.judge(known.key, text) : inTurn(this.lookUp(parts.id), (key) => this.judge(key, text));
  }

  private judge(key: StoredKey | undefined, text: string): Verdict {
    if (!key || !isKey(key, text)) return refused('The API key is not known');
    const why = whyEnded(key, this.options.now());
    if (why !== undefined) return refused(why);
    return { principal: { id: `key:${key.id}`, roles: key.roles, kind: 'key' } };
  }

  private async lookUp(id: string): Promise<StoredKey | undefined> {
    const found = await this.found.fetch(id).catch((cause: unknown) => {
      throw unreachable(cause);
    });
    if (found && this.options.now() - found.at <= OUTAGE_MS) return found.key;
    throw unreachable(undefined);
  }

  private byToken(text: string): MaybeLater<Verdict> {
    const kept = this.tokens.get(text);
    return kept && this.options.now() < kept.expiresAt ? { principal: kept.principal } : this.newToken(text);
  }

  private async newToken(text: string): Promise<Verdict> {
    const { environment, now } = this.options;
    const read = await readToken(text, this.trusted(), { environment, now: now() });
    if ('why' in read) return refused(`The token is refused: ${read.why}`);
    this.tokens.set(text, read);
    return { principal: read.principal };
  }

  private trusted(): Keyring {
    const { tokenKeys, now, keptMs = KEPT_MS } = this.options;
    if (!this.keyring || now() - this.keyring.at > Math.min(keptMs, 1_000)) {
      this.keyring = { keys: tokenKeys.keyring(), at: now() };
    }
    return this.keyring.keys;
  }
}

const refused = (why: string): Verdict => ({ why, given: true });

/** Whether the text is the stored key; the time it takes tells nothing. */
export const isKey = ({ sha256 }: StoredKey, text: string): boolean => {
  const given = apiKeyHash(text);
  return sha256.length === given.length && timingSafeEqual(Buffer.from(sha256), Buffer.from(given));
};

/** Why a key is no longer good; undefined: it is. */
export const whyEnded = ({ revokedAt, expiresAt }: StoredKey, now: number): string | undefined => {
  if (revokedAt !== null) return 'The API key was revoked';
  return expiresAt.getTime() <= now ? 'The API key has expired' : undefined;
};

/** Postgres does not answer, and nothing that is remembered can speak for it. */
export const unreachable = (cause: unknown): PerennialError =>
  new PerennialError('UNAVAILABLE', 'API keys cannot be checked at the moment', {
    field: 'postgres',
    mend: 'Try again, or use a token',
    cause,
  });
