// DuckDB's extensions from the pinned, hashed wheels, loaded straight from their files: no download at run time. For sessions.
import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PerennialError } from '../../core/errors.ts';
import { DuckDb, literal } from './session.ts';

/** Must be the version of `@duckdb/node-api`: an extension loads into that very DuckDB alone. */
export const DUCKDB_VERSION = '1.5.5';

const extensions = { postgres: 'postgres_scanner', ducklake: 'ducklake', httpfs: 'httpfs' } as const;
export type ExtensionName = keyof typeof extensions;
export type ExtensionFiles = Readonly<Record<ExtensionName, string>>;

/** The extensions' files in a Python environment. @throws PerennialError MISSING_PART naming the first that is not there. */
export const extensionFiles = async (venv: string): Promise<ExtensionFiles> => {
  const [postgres, ducklake, httpfs] = await Promise.all([
    find(venv, 'postgres'),
    find(venv, 'ducklake'),
    find(venv, 'httpfs'),
  ]);
  return { postgres, ducklake, httpfs };
};

const verified = new Map<string, Promise<void>>();

/**
 * Lets DuckDB check the signatures of these files, once per process and state of the files: checking 80 MB again in every session would
 * cost each activity more than its own commit. Sessions opened after this may load these files unchecked.
 */
export const verifyExtensions = async (files: readonly string[], tempDirectory: string): Promise<void> => {
  const states = await Promise.all(files.map((file) => stat(file)));
  const state = files.map((file, i) => `${file}:${states[i]?.ino}:${states[i]?.mtimeMs}:${states[i]?.size}`).join();
  const known = verified.get(state) ?? loadSigned(files, tempDirectory);
  verified.set(state, known);
  await known;
};

const loadSigned = async (files: readonly string[], tempDirectory: string): Promise<void> => {
  const db = await DuckDb.open({ threads: 1, memoryLimit: '256MB', tempDirectory });
  try {
    for (const file of files) await db.run(`load ${literal(file)}`);
  } finally {
    db.close();
  }
};

const find = async (venv: string, name: ExtensionName): Promise<string> => {
  const extension = extensions[name];
  const inside = join(
    `duckdb_extension_${extension}`,
    'extensions',
    `v${DUCKDB_VERSION}`,
    `${extension}.duckdb_extension`,
  );
  for (const python of await readdir(join(venv, 'lib')).catch(() => [])) {
    const file = join(venv, 'lib', python, 'site-packages', inside);
    const there = await access(file).then(
      () => true,
      () => false,
    );
    if (there) return file;
  }
  throw new PerennialError('MISSING_PART', 'A DuckDB extension is not installed', {
    field: extension,
    value: venv,
    mend: 'Run `perennial up`, which installs it from the pinned wheels.',
  });
};
