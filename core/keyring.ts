// The public keys that one environment trusts: one signs now, older ones still count, revoked ones never again. For signing and serving.
import { z } from 'zod';

/** First 16 hexadecimal digits of the sha256 of the public key's DER. */
export const KeyId = z.string().regex(/^[0-9a-f]{16}$/);

export const Keyring = z.strictObject({
  format: z.literal('perennial/keyring/1'),
  environment: z.string(),
  /** The key that new versions are signed with; empty before the first is made. */
  current: z.union([KeyId, z.literal('')]),
  keys: z.array(
    z.strictObject({
      id: KeyId,
      algorithm: z.literal('ed25519'),
      /** SPKI, PEM. */
      publicKey: z.string(),
      addedAt: z.iso.datetime(),
      revoked: z.strictObject({ at: z.iso.datetime(), why: z.string() }).optional(),
    }),
  ),
});
export type Keyring = z.infer<typeof Keyring>;
export type TrustedKey = Keyring['keys'][number];

/** A keyring that trusts nobody: what a server has before the first key is made. */
export const emptyKeyring = (environment: string): Keyring => ({
  format: 'perennial/keyring/1',
  environment,
  current: '',
  keys: [],
});

/** Why nothing signed by this key counts; undefined if it does. */
export const whyUntrusted = ({ keys, environment }: Keyring, id: string): string | undefined => {
  const key = keys.find((known) => known.id === id);
  if (!key) return `key ${id} is none of the ${keys.length} that ${environment} trusts`;
  return key.revoked && `key ${id} was revoked on ${key.revoked.at.slice(0, 10)} (${key.revoked.why})`;
};

/** With another key that signs from now on; the ones before still count. */
export const withKey = (
  keyring: Keyring,
  { id, publicKey, addedAt }: Pick<TrustedKey, 'id' | 'publicKey' | 'addedAt'>,
): Keyring => ({
  ...keyring,
  current: id,
  keys: keyring.keys.some((known) => known.id === id)
    ? keyring.keys
    : [...keyring.keys, { id, algorithm: 'ed25519', publicKey, addedAt }],
});

/** With a key that no longer counts. A second revocation keeps the first one's words. */
export const withoutTrust = (keyring: Keyring, id: string, at: string, why: string): Keyring => ({
  ...keyring,
  keys: keyring.keys.map((key) => (key.id === id && !key.revoked ? { ...key, revoked: { at, why } } : key)),
});
