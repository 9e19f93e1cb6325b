// Finds LightGBM's shared library (and the Python beside it) for tests; a missing one fails loudly, never skips.
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const IN_PACKAGES = join('site-packages', 'lightgbm', 'lib', 'lib_lightgbm.so');

/** `PERENNIAL_LIGHTGBM`, else the wheel in the cache's virtual environment that setup makes. */
export const lightGbmPath = (): string => {
  const path = process.env.PERENNIAL_LIGHTGBM ?? inCache();
  if (path === undefined || !existsSync(path)) {
    throw new Error(
      `LightGBM's library is missing (${path ?? 'no venv in the cache'}): run setup or set PERENNIAL_LIGHTGBM.`,
    );
  }
  return path;
};

const inCache = (): string | undefined => {
  const cache = join(homedir(), '.cache', 'perennial');
  return folders(cache, 'venv-')
    .flatMap((venv) =>
      folders(join(cache, venv, 'lib'), 'python').map((python) => join(cache, venv, 'lib', python, IN_PACKAGES)),
    )
    .find((path) => existsSync(path));
};

const folders = (parent: string, prefix: string): string[] =>
  existsSync(parent) ? readdirSync(parent).filter((name) => name.startsWith(prefix)) : [];
