// What an API key looks like: `perennial_<environment>_<id>_<secret>`. The id is shown and looked up by, the secret is 256 bits of chance,
// and what is kept is the hash of the whole: nothing short enough to guess, so no slow hash is needed.
import { sha256 } from './commit.ts';

export interface ApiKeyParts {
  readonly environment: string;
  readonly id: string;
}

const FORM = /^perennial_([a-z]{1,20})_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

/** The id takes 6 random bytes, the secret 32. */
export const apiKeyText = (environment: string, id: Uint8Array, secret: Uint8Array): string =>
  `perennial_${environment}_${Buffer.from(id).toString('hex')}_${Buffer.from(secret).toString('base64url')}`;

/** Undefined for what is no API key. */
export const apiKeyParts = (text: string): ApiKeyParts | undefined => {
  const [, environment, id] = FORM.exec(text) ?? [];
  return environment === undefined || id === undefined ? undefined : { environment, id };
};

export const apiKeyHash = (text: string): string => sha256(text);
