// The secrets of one state directory, made at first use and readable by its owner alone. For environment.ts.
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type RoleAccount, roleAccounts } from '../core/access.ts';
import { PerennialError } from '../core/errors.ts';

const password = z.string().min(16);
const secretsSchema = z.looseObject({
  /** Of the cluster's owner. */
  postgresPassword: password,
  accounts: z.partialRecord(z.enum(roleAccounts), password).default({}),
});
type Found = z.infer<typeof secretsSchema>;

export interface Secrets {
  readonly postgresPassword: string;
  readonly accounts: Readonly<Record<RoleAccount, string>>;
}

/** Reads `<home>/secrets.json`, makes it where there is none (mode 0600), and adds what an older one lacks. Racing processes agree. */
export const secretsOf = (home: string): Secrets => {
  const file = join(home, 'secrets.json');
  const found = read(file);
  if (found !== undefined && isComplete(found)) return found;
  mkdirSync(home, { recursive: true });
  return locked(`${file}.lock`, () => {
    const current = read(file);
    if (current !== undefined && isComplete(current)) return current;
    const completed = complete(current);
    replace(file, completed);
    return completed;
  });
};

const newPassword = (): string => randomBytes(24).toString('base64url');

const isComplete = (found: Found): found is Found & Secrets => roleAccounts.every((account) => found.accounts[account]);

const complete = (found: Found | undefined): Found & Secrets => {
  const accounts = roleAccounts.map((account) => [account, found?.accounts[account] ?? newPassword()] as const);
  return {
    ...found,
    postgresPassword: found?.postgresPassword ?? newPassword(),
    accounts: Object.fromEntries(accounts) as Secrets['accounts'],
  };
};

const read = (file: string): Found | undefined => {
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

// Written whole under another name, then renamed: a reader never sees half a file.
const replace = (file: string, secrets: object): void => {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(secrets)}\n`, { mode: 0o600 });
  renameSync(draft, file);
};

const LOCK_MS = 10_000;

// Held for a millisecond or two; one that is older belongs to a process that was killed while it held it.
const locked = <T>(lock: string, work: () => T): T => {
  while (!taken(lock)) {
    if (ageOf(lock) > LOCK_MS) rmSync(lock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
  try {
    return work();
  } finally {
    rmSync(lock, { force: true });
  }
};

const taken = (lock: string): boolean => {
  try {
    closeSync(openSync(lock, 'wx', 0o600));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
};

const ageOf = (lock: string): number => Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
