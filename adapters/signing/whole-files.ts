// Small files that matter, read and written whole: a reader never sees half of one. For the keys and the audit's anchor beside them.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Its text; undefined where there is no such file. */
export const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/** Takes the place of what stands there, in a folder that is its owner's alone. */
export const writeWhole = (file: string, text: string, mode: number): void => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  renameSync(draft(file, text, mode), file);
};

/** Written under another name, to be moved or linked to its own. */
export const draft = (file: string, text: string, mode: number): string => {
  const name = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(name, text, { mode, flush: true });
  return name;
};

/** Undefined for what is not JSON: the schema that reads it next says so. */
export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
