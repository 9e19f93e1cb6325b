// Access over nothing but memory, for tests of serving: by default whoever asks is an analyst and a scientist, as in dev.

import { newKeyPair } from '../../adapters/signing/ed25519.ts';
import { apiKeyHash, apiKeyText } from '../../core/api-key.ts';
import type { ApiRole } from '../../core/api-policy.ts';
import { emptyKeyring, type Keyring, withKey, withoutTrust } from '../../core/keyring.ts';
import { Authenticator, type StoredKey } from '../../serving/access/authenticate.ts';
import type { Access } from '../../serving/access/index.ts';
import { BlockLimiter, memoryCounter } from '../../serving/access/limits.ts';
import type { TokenKeys } from '../../serving/access/tokens.ts';

/** Keys that sign tokens, in memory. */
export class FakeTokenKeys implements TokenKeys {
  private pair = newKeyPair();
  private ring: Keyring;

  constructor(environment: string) {
    this.ring = withKey(emptyKeyring(environment), { ...this.pair, addedAt: '2025-01-01T00:00:00.000Z' });
  }
  keyring(): Keyring {
    return this.ring;
  }
  trustedPair() {
    return this.pair;
  }
  rotate(): void {
    this.pair = newKeyPair();
    this.ring = withKey(this.ring, { ...this.pair, addedAt: '2025-02-01T00:00:00.000Z' });
  }
  remove(id: string): void {
    this.ring = withoutTrust(this.ring, id, '2025-03-01T00:00:00.000Z', 'lost');
  }
}

/** API keys in memory; `down` stands for a Postgres that does not answer. */
export class FakeKeys {
  down = false;
  asked = 0;
  readonly kept = new Map<string, StoredKey>();
  private readonly environment: string;

  constructor(environment: string) {
    this.environment = environment;
  }

  /** The key's text. */
  add(roles: readonly ApiRole[], more: Partial<StoredKey> = {}): string {
    const number = this.kept.size + 1;
    const text = apiKeyText(this.environment, Buffer.alloc(6, number), Buffer.alloc(32, number));
    const id = Buffer.alloc(6, number).toString('hex');
    const key = { id, sha256: apiKeyHash(text), roles, expiresAt: new Date('2100-01-01'), revokedAt: null, ...more };
    this.kept.set(id, key);
    return text;
  }
  async find(id: string): Promise<StoredKey | undefined> {
    this.asked += 1;
    if (this.down) throw new Error('connect ECONNREFUSED 10.0.0.7');
    return this.kept.get(id);
  }
}

export interface AccessOptions {
  readonly environment?: string;
  readonly anonymousRoles?: readonly ApiRole[];
  readonly limit?: number;
  readonly keys?: FakeKeys;
  readonly tokenKeys?: FakeTokenKeys;
  readonly corsOrigins?: readonly string[];
  readonly now?: () => number;
}

export const fakeAccess = ({
  environment = 'dev',
  anonymousRoles = ['analyst', 'scientist'],
  limit = 1_000_000,
  keys = new FakeKeys(environment),
  tokenKeys = new FakeTokenKeys(environment),
  corsOrigins = [],
  now = Date.now,
}: AccessOptions = {}): Access => ({
  gate: {
    environment,
    authenticator: new Authenticator({ environment, keys, tokenKeys, anonymousRoles, now, keptMs: 1 }),
    limiter: new BlockLimiter({ limit, shared: memoryCounter(), now: Date.now }),
    anonymous: anonymousRoles.length > 0,
  },
  transport: { corsOrigins, secure: false },
  tokens: {
    environment,
    tokenKeys,
    keys,
    now,
    refreshTokens: { begin: async () => 'refresh', rotate: async () => undefined },
  },
});
