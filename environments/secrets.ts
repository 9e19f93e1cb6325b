// The secrets of one state directory, made at first use and readable by its owner alone. For environment.ts.
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PerennialError } from '../core/errors.ts';

const secretsSchema = z.strictObject({ postgresPassword: z.string().min(16) });
export type Secrets = z.infer<typeof secretsSchema>;

/** Reads `<home>/secrets.json`, or makes it (mode 0600) where there is none; two processes that race agree on one. */
export const secretsOf = (home: string): Secrets => {
  const file = join(home, 'secrets.json');
  return read(file) ?? create(home, file);
};

const read = (file: string): Secrets | undefined => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = secretsSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new PerennialError('INVALID_INPUT', 'The secrets file is not readable as secrets', {
    field: file,
    mend: 'Restore it, or run `perennial down --purge` to begin anew.',
  });
};

// Written whole under another name, then linked: a reader never sees half a file, and the first writer wins.
const create = (home: string, file: string): Secrets => {
  mkdirSync(home, { recursive: true });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const secrets: Secrets = { postgresPassword: randomBytes(24).toString('base64url') };
  writeFileSync(draft, `${JSON.stringify(secrets)}\n`, { mode: 0o600 });
  try {
    linkSync(draft, file);
    return secrets;
  } catch (error) {
    const theirs = (error as NodeJS.ErrnoException).code === 'EEXIST' ? read(file) : undefined;
    if (theirs === undefined) throw error;
    return theirs;
  } finally {
    rmSync(draft, { force: true });
  }
};
