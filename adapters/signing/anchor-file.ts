// The audit's anchor in a file beside the keys: signed, written whole, outside the database that it tells about. For serving and the command line.
import { AuditAnchor, type AuditHead, anchorBytes } from '../../core/audit.ts';
import { PerennialError } from '../../core/errors.ts';
import { whyUntrusted } from '../../core/keyring.ts';
import type { SigningKeys } from '../../core/signed-manifest.ts';
import { verifyEd25519 } from './ed25519.ts';
import { jsonOf, readText, writeWhole } from './whole-files.ts';

export class AnchorFile {
  private readonly file: string;
  private readonly environment: string;
  private readonly keys: SigningKeys;
  private readonly chain: AuditAnchor['chain'];

  /** `chain`: of the reads, where it is not of the changes. */
  constructor(file: string, environment: string, keys: SigningKeys, chain?: AuditAnchor['chain']) {
    this.file = file;
    this.environment = environment;
    this.keys = keys;
    this.chain = chain;
  }

  /**
   * The anchor; undefined where none was written yet.
   * @throws PerennialError NOT_TRUSTED for one that no key of the environment signed.
   */
  read(): AuditAnchor | undefined {
    const text = readText(this.file);
    if (text === undefined) return undefined;
    const found = AuditAnchor.safeParse(jsonOf(text));
    if (!found.success || found.data.environment !== this.environment)
      throw this.untrusted('it is no anchor of this environment');
    if (found.data.chain !== this.chain) throw this.untrusted('it is the anchor of another chain');
    const { keyId, signature } = found.data;
    const keyring = this.keys.keyring();
    const why = whyUntrusted(keyring, keyId);
    if (why !== undefined) throw this.untrusted(why);
    const key = keyring.keys.find(({ id }) => id === keyId)?.publicKey ?? '';
    if (verifyEd25519(key, anchorBytes(found.data), Buffer.from(signature, 'base64'))) return found.data;
    throw this.untrusted('its signature does not fit');
  }

  /** False where another key signs by now: then the anchor is to be signed anew, before its own key is revoked. */
  isByCurrentKey({ keyId }: AuditAnchor): boolean {
    return this.keys.keyring().current === keyId;
  }

  write({ seq, hash }: AuditHead, at: Date): void {
    const signer = this.keys.signer();
    const { environment, chain } = this;
    const said = { environment, ...(chain && { chain }), seq, hash, at: at.toISOString() };
    const signature = Buffer.from(signer.sign(anchorBytes(said))).toString('base64');
    const anchor: AuditAnchor = { format: 'perennial/audit-anchor/1', ...said, keyId: signer.keyId, signature };
    writeWhole(this.file, `${JSON.stringify(anchor, null, 2)}\n`, 0o600);
  }

  private untrusted(why: string): PerennialError {
    return new PerennialError('NOT_TRUSTED', `The audit's anchor is not trusted: ${why}`, {
      field: this.file,
      mend: 'Find out who changed it; then remove it and verify again',
    });
  }
}
