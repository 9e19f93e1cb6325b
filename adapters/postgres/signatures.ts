// Signatures of model versions as the registry of one environment keeps them: only ever added to. For registration, promotion and serving.

import type { Pool } from 'pg';
import { canonicalJson, sha256 } from '../../core/commit.ts';
import type { Envelope } from '../../core/signed-manifest.ts';

export interface VersionAt {
  readonly model: string;
  readonly version: number;
}

export class PostgresSignatures {
  private readonly pool: Pick<Pool, 'query'>;

  constructor(pool: Pick<Pool, 'query'>) {
    this.pool = pool;
  }

  /** Keeps an envelope; the same one again changes nothing. */
  async add({ model, version }: VersionAt, envelope: Envelope, by: string): Promise<void> {
    const text = canonicalJson(envelope);
    await this.pool.query(
      `insert into model_signatures (model, version, envelope_sha256, key_id, envelope, by) values ($1, $2, $3, $4, $5, $6)
       on conflict do nothing`,
      [model, version, sha256(text), envelope.signatures[0]?.keyid ?? '', text, by],
    );
  }

  /** The envelopes of a version as they were kept, the newest first; whether they are worth anything is the reader's to check. */
  async of({ model, version }: VersionAt): Promise<unknown[]> {
    const { rows } = await this.pool.query<{ envelope: string }>(
      'select envelope from model_signatures where model = $1 and version = $2 order by signed_at desc',
      [model, version],
    );
    return rows.map(({ envelope }) => parsed(envelope));
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Whoever opens it says that it is no envelope.
    return undefined;
  }
};
