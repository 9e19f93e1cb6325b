// Numbered, forward-only SQL files applied to one schema: once each, in a transaction each. For the stack and deployments.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { PerennialError } from '../../core/errors.ts';

export interface MigrateOptions {
  /** The environment's schema; made where it is missing. */
  readonly schema: string;
  /** Holds `000001_name.sql`, `000002_name.sql`, … Their statements name no schema: the search path does. */
  readonly directory: string;
}

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

/**
 * Applies what is new, in order; returns the names it applied. Needs one connection (a client), for its session lock.
 * @throws PerennialError HASH_MISMATCH where an applied file was changed, CONTRACT_BROKEN where numbers are twice or one fails.
 */
export const migrate = async (client: pg.ClientBase, { schema, directory }: MigrateOptions): Promise<string[]> => {
  const migrations = await readMigrations(directory);
  const space = client.escapeIdentifier(schema);
  const lock = [`perennial migrate ${schema}`];
  await client.query('select pg_advisory_lock(hashtextextended($1, 0))', lock);
  try {
    await client.query(`create schema if not exists ${space}`);
    await client.query(ledgerSql(space));
    const applied = await readLedger(client, space);
    const fresh: string[] = [];
    for (const migration of migrations) {
      if (isApplied(migration, applied)) continue;
      await apply(client, space, migration);
      fresh.push(migration.name);
    }
    return fresh;
  } finally {
    await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', lock);
  }
};

const ledgerSql = (space: string): string => `
  create table if not exists ${space}.migrations (
    number integer primary key,
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
  )`;

const readLedger = async (client: pg.ClientBase, space: string): Promise<ReadonlyMap<number, string>> => {
  const { rows } = await client.query<{ number: number; sha256: string }>(
    `select number, sha256 from ${space}.migrations`,
  );
  return new Map(rows.map(({ number, sha256 }) => [number, sha256]));
};

const isApplied = ({ number, name, sha256 }: Migration, applied: ReadonlyMap<number, string>): boolean => {
  const found = applied.get(number);
  if (found === undefined) return false;
  if (found === sha256) return true;
  throw new PerennialError('HASH_MISMATCH', 'A migration was changed after it had been applied', {
    field: name,
    mend: 'Restore the file, and put the change into a new migration with the next number.',
  });
};

// The row goes in first: should another process have been here, the clash stops us before any statement of the file runs.
const apply = async (client: pg.ClientBase, space: string, { number, name, sql, sha256 }: Migration): Promise<void> => {
  await client.query('begin');
  try {
    await client.query(`set local search_path to ${space}`);
    await client.query(`insert into ${space}.migrations (number, name, sha256) values ($1, $2, $3)`, [
      number,
      name,
      sha256,
    ]);
    await client.query(sql);
    await client.query('commit');
  } catch (cause) {
    await client.query('rollback');
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PerennialError('CONTRACT_BROKEN', `A migration failed: ${reason}`, { field: name, cause });
  }
};

const namePattern = /^(\d{6})_[a-z0-9_]+\.sql$/;

const readMigrations = async (directory: string): Promise<Migration[]> => {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(names.map((name) => readMigration(directory, name)));
  const twice = migrations.find(({ number }, index) => migrations[index - 1]?.number === number);
  if (twice === undefined) return migrations;
  throw new PerennialError('CONTRACT_BROKEN', 'Two migrations have the same number', { field: twice.name });
};

const readMigration = async (directory: string, name: string): Promise<Migration> => {
  const digits = namePattern.exec(name)?.[1];
  if (digits === undefined) {
    throw new PerennialError('CONTRACT_BROKEN', 'A migration is misnamed', {
      field: name,
      mend: 'Name it like 000004_what_it_adds.sql.',
    });
  }
  const sql = await readFile(join(directory, name), 'utf8');
  return { number: Number(digits), name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
};
