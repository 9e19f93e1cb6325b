// The keys of one environment in a folder of its own: `signing-key.pem`, which only those who sign can read, and `keyring.json`, which all
// who check may have. For workers, serving and `perennial keys`.
import { linkSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PerennialError } from '../../core/errors.ts';
import { emptyKeyring, Keyring, whyUntrusted, withKey, withoutTrust } from '../../core/keyring.ts';
import type { Signer, SigningKeys } from '../../core/signed-manifest.ts';
import { ed25519Signer, type KeyPair, keyIdOf, newKeyPair, readKeyPair } from './ed25519.ts';
import { draft, jsonOf, readText, writeWhole } from './whole-files.ts';

export class KeyFolder implements SigningKeys {
  private readonly folder: string;
  private readonly environment: string;

  constructor(folder: string, environment: string) {
    this.folder = folder;
    this.environment = environment;
  }

  /** The trusted keys as they are now: a revocation holds from the next reading on. Trusts nobody where there is no keyring. */
  keyring(): Keyring {
    const text = readText(this.keyringFile);
    return text === undefined ? emptyKeyring(this.environment) : this.parsed(text);
  }

  /**
   * Signs with the current key; where the environment has none, one is made, and of processes that race all use the same.
   * @throws PerennialError NOT_TRUSTED if the keyring does not trust the key that is there.
   */
  signer(): Signer {
    return ed25519Signer(this.trustedPair());
  }

  /** The current key itself, for what signs in a form of its own. As for `signer`, one is made where there is none. */
  trustedPair(): KeyPair {
    const pair = this.pair() ?? this.make();
    const first = withKey(emptyKeyring(this.environment), entry(pair));
    if (readText(this.keyringFile) === undefined) createOnce(this.keyringFile, jsonText(first), 0o644);
    const untrusted = whyUntrusted(this.keyring(), pair.id);
    if (untrusted === undefined) return pair;
    throw new PerennialError(
      'NOT_TRUSTED',
      `The signing key of ${this.environment} is not in its keyring: ${untrusted}`,
      {
        field: this.keyringFile,
        mend: `Make another with \`perennial keys rotate --env ${this.environment}\``,
      },
    );
  }

  /** A new key signs from now on. It is trusted before it signs; those before it stay trusted. */
  rotate(): Keyring {
    const pair = newKeyPair();
    const keyring = withKey(this.keyring(), entry(pair));
    writeWhole(this.keyringFile, jsonText(keyring), 0o644);
    writeWhole(this.keyFile, pair.privateKey, 0o600);
    return keyring;
  }

  /** @throws PerennialError UNKNOWN_NAME for a key that was never trusted, INVALID_INPUT for the one that signs now. */
  revoke(id: string, why: string): Keyring {
    const keyring = this.keyring();
    if (!keyring.keys.some((key) => key.id === id)) {
      throw new PerennialError('UNKNOWN_NAME', `${this.environment} has no such key`, { field: 'key', value: id });
    }
    if (keyring.current === id) {
      const mend = 'First run `perennial keys rotate`, then `perennial keys renew`';
      throw new PerennialError('INVALID_INPUT', 'This key signs now', { field: 'key', value: id, mend });
    }
    const revoked = withoutTrust(keyring, id, new Date().toISOString(), why);
    writeWhole(this.keyringFile, jsonText(revoked), 0o644);
    return revoked;
  }

  private get keyFile(): string {
    return join(this.folder, 'signing-key.pem');
  }

  private get keyringFile(): string {
    return join(this.folder, 'keyring.json');
  }

  private pair(): KeyPair | undefined {
    const pem = readText(this.keyFile);
    return pem === undefined ? undefined : readKeyPair(pem, this.keyFile);
  }

  private make(): KeyPair {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    createOnce(this.keyFile, newKeyPair().privateKey, 0o600);
    return readKeyPair(readFileSync(this.keyFile, 'utf8'), this.keyFile);
  }

  private parsed(text: string): Keyring {
    const found = Keyring.safeParse(jsonOf(text));
    const context = { field: this.keyringFile, mend: 'Restore the file' };
    if (!found.success || found.data.environment !== this.environment) {
      throw new PerennialError('NOT_TRUSTED', `This is no keyring of ${this.environment}`, context);
    }
    // A key is known by its hash, so that no other can be slipped in under its name.
    const swapped = found.data.keys.find(({ id, publicKey }) => keyIdOf(publicKey) !== id);
    if (!swapped) return found.data;
    throw new PerennialError('NOT_TRUSTED', 'A key is not the one its name says', { ...context, value: swapped.id });
  }
}

const jsonText = (keyring: Keyring): string => `${JSON.stringify(keyring, null, 2)}\n`;

const entry = ({ id, publicKey }: KeyPair) => ({ id, publicKey, addedAt: new Date().toISOString() });

/** Written whole under another name, then linked: a reader never sees half a file, and the first writer wins. */
const createOnce = (file: string, text: string, mode: number): void => {
  const written = draft(file, text, mode);
  try {
    linkSync(written, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(written, { force: true });
  }
};
