// API keys and refresh tokens of one environment, as hashes (`migrations/000010_access.sql`): for serving, which checks them, and for the
// command line, which makes and revokes them. The pool's search_path names the environment's schema.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { z } from 'zod';
import { apiKeyHash, apiKeyText } from '../../core/api-key.ts';
import { type ApiRole, apiRoles } from '../../core/api-policy.ts';
import { sha256 } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { inTransaction } from './transaction.ts';

const Roles = z.array(z.enum(apiRoles));

const KeyRow = z
  .strictObject({
    id: z.string(),
    sha256: z.string(),
    name: z.string(),
    roles: Roles,
    created_by: z.string(),
    created_at: z.date(),
    expires_at: z.date(),
    revoked_at: z.date().nullable(),
    revoked_by: z.string().nullable(),
    revoked_why: z.string().nullable(),
  })
  .transform((row) => ({
    id: row.id,
    sha256: row.sha256,
    name: row.name,
    roles: row.roles,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    revokedWhy: row.revoked_why,
  }));
export type ApiKeyRow = z.infer<typeof KeyRow>;

export interface NewApiKey {
  readonly environment: string;
  readonly name: string;
  readonly roles: readonly ApiRole[];
  readonly days: number;
  readonly by: string;
}

export class PostgresApiKeys {
  private readonly pool: Pick<Pool, 'query'>;

  constructor(pool: Pick<Pool, 'query'>) {
    this.pool = pool;
  }

  /** Makes a key. Its text is told here and nowhere again. */
  async create({
    environment,
    name,
    roles,
    days,
    by,
  }: NewApiKey): Promise<{ readonly text: string; readonly key: ApiKeyRow }> {
    const id = randomBytes(6);
    const text = apiKeyText(environment, id, randomBytes(32));
    const { rows } = await this.pool.query(
      `insert into api_keys (id, sha256, name, roles, created_by, expires_at)
       values ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(days => $6)) returning *`,
      [id.toString('hex'), apiKeyHash(text), name, [...roles], by, days],
    );
    return { text, key: KeyRow.parse(rows[0]) };
  }

  /** A key of whatever state; undefined where there never was one. */
  async find(id: string): Promise<ApiKeyRow | undefined> {
    const { rows } = await this.pool.query({
      name: 'api-key',
      text: 'select * from api_keys where id = $1',
      values: [id],
    });
    return rows.length === 0 ? undefined : KeyRow.parse(rows[0]);
  }

  /** The newest first. */
  async list(): Promise<ApiKeyRow[]> {
    const { rows } = await this.pool.query('select * from api_keys order by created_at desc, id');
    return rows.map((row) => KeyRow.parse(row));
  }

  /** Revokes a key; one that was revoked stays so, with the first one's words. */
  async revoke(id: string, by: string, why: string): Promise<ApiKeyRow> {
    await this.pool.query(
      `update api_keys set revoked_at = clock_timestamp(), revoked_by = $2, revoked_why = $3 where id = $1 and revoked_at is null`,
      [id, by, why],
    );
    const found = await this.find(id);
    if (found) return found;
    throw new PerennialError('UNKNOWN_NAME', 'No such API key', {
      field: 'key',
      value: id,
      mend: 'See `perennial api-key list`',
    });
  }

  /** Notes that a person made a token for himself. */
  async noteToken({ by, roles, seconds }: { by: string; roles: readonly ApiRole[]; seconds: number }): Promise<void> {
    await this.pool.query(
      'insert into issued_tokens (by, roles, expires_at) values ($1, $2, clock_timestamp() + make_interval(secs => $3))',
      [by, [...roles], seconds],
    );
  }
}

const FAMILY_DAYS = 30;

const TokenRow = z.object({
  family: z.string(),
  key_id: z.string(),
  roles: Roles,
  expires_at: z.date(),
  good: z.boolean(),
});

/** Refresh tokens: each is used up for the next; the whole family lives no longer than its first. */
export class PostgresRefreshTokens {
  private readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  async begin(keyId: string, roles: readonly ApiRole[]): Promise<string> {
    const text = newToken();
    await this.pool.query(
      `insert into refresh_tokens (sha256, family, key_id, roles, expires_at)
       values ($1, $2, $3, $4, clock_timestamp() + make_interval(days => $5))`,
      [sha256(text), randomUUID(), keyId, [...roles], FAMILY_DAYS],
    );
    return text;
  }

  /** Undefined for a token that is no longer good; if it was good once and has been used, somebody has a copy: its family ends. */
  async rotate(token: string): Promise<{ next: string; keyId: string; roles: readonly ApiRole[] } | undefined> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query(
        `select family, key_id, roles, expires_at, used_at is null and revoked_at is null and expires_at > clock_timestamp() as good
         from refresh_tokens where sha256 = $1 for update`,
        [sha256(token)],
      );
      if (rows.length === 0) return undefined;
      const { family, key_id: keyId, roles, expires_at: expiresAt, good } = TokenRow.parse(rows[0]);
      if (!good) {
        await client.query(
          'update refresh_tokens set revoked_at = clock_timestamp() where family = $1 and revoked_at is null',
          [family],
        );
        return undefined;
      }
      const next = newToken();
      await client.query('update refresh_tokens set used_at = clock_timestamp() where sha256 = $1', [sha256(token)]);
      await client.query(
        'insert into refresh_tokens (sha256, family, key_id, roles, expires_at) values ($1, $2, $3, $4, $5)',
        [sha256(next), family, keyId, roles, expiresAt],
      );
      return { next, keyId, roles };
    });
  }

  /** Deletes those that expired, whole families at a time: a family has one end. Returns how many; `dryRun` only counts. */
  async purge(dryRun: boolean): Promise<number> {
    const from = 'from refresh_tokens where expires_at <= clock_timestamp()';
    if (!dryRun) return (await this.pool.query(`delete ${from}`)).rowCount ?? 0;
    const { rows } = await this.pool.query<{ count: number }>(`select count(*)::integer as count ${from}`);
    return rows[0]?.count ?? 0;
  }
}

const newToken = (): string => randomBytes(32).toString('base64url');
