// Ed25519 by node:crypto, on bytes and PEM: for whoever signs model versions and for whoever checks them.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { PerennialError } from '../../core/errors.ts';
import type { Signer, VerifyBytes } from '../../core/signed-manifest.ts';

/** A private key as text, with what the world may know of it. */
export interface KeyPair {
  readonly id: string;
  /** PKCS8, PEM. */
  readonly privateKey: string;
  /** SPKI, PEM. */
  readonly publicKey: string;
}

export const newKeyPair = (): KeyPair => pairOf(generateKeyPairSync('ed25519').privateKey);

/** @throws PerennialError INVALID_INPUT for anything but an Ed25519 private key; the key itself is never repeated. */
export const readKeyPair = (pem: string, field: string): KeyPair => {
  const key = parsed(pem, field);
  if (key.asymmetricKeyType === 'ed25519') return pairOf(key);
  throw new PerennialError('INVALID_INPUT', 'A signing key must be Ed25519', { field, value: key.asymmetricKeyType });
};

/** Signs with this key; the text is parsed once. */
export const ed25519Signer = ({ id, privateKey }: KeyPair): Signer => {
  const key = createPrivateKey(privateKey);
  return { keyId: id, sign: (bytes) => sign(null, bytes, key) };
};

export const verifyEd25519: VerifyBytes = (publicKey, bytes, signature) => {
  const key = createPublicKey(publicKey);
  return key.asymmetricKeyType === 'ed25519' && signature.length === 64 && verify(null, bytes, key, signature);
};

/** First 16 hexadecimal digits of the sha256 of the key's SPKI in DER. */
export const keyIdOf = (publicKey: string): string => idOf(createPublicKey(publicKey));

const pairOf = (key: KeyObject): KeyPair => {
  const open = createPublicKey(key);
  return {
    id: idOf(open),
    privateKey: String(key.export({ type: 'pkcs8', format: 'pem' })),
    publicKey: String(open.export({ type: 'spki', format: 'pem' })),
  };
};

const idOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);

const parsed = (pem: string, field: string): KeyObject => {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    const mend = 'Restore it, or make another with `perennial keys rotate`';
    throw new PerennialError('INVALID_INPUT', 'The signing key is not readable as a private key', {
      field,
      mend,
      cause,
    });
  }
};
