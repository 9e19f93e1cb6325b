// The Python environment of the peers that tests and benches compare with: pinned, hashed, built once and kept in the cache.
import path from 'node:path';
import { ensureVenv, venvPython } from '../../adapters/python/venv.ts';
import { loadEnvironment } from '../../environments/environment.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');

/** Its interpreter; the first call of a machine downloads a few hundred megabytes. */
export const peersPython = async (): Promise<string> => {
  const directory = path.join(loadEnvironment('dev').cache, 'venv-peers');
  await ensureVenv({
    directory,
    requirements: path.join(ROOT, 'adapters/python/requirements-test.txt'),
    onLine: (line) => console.error(`peers: ${line}`),
  });
  return venvPython(directory);
};
