// The Python environment of pinned, hashed wheels: built once, reused by every clone with the same lock. For setup.
import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { PerennialError } from '../../core/errors.ts';

export interface VenvRequest {
  /** Where it shall stand. */
  readonly directory: string;
  /** The lock file: every package pinned, with hashes. */
  readonly requirements: string;
  /** Told what happens, line by line. */
  readonly onLine: (line: string) => void;
}

/** The Python of a virtual environment. */
export const venvPython = (directory: string): string => join(directory, 'bin', 'python');

/** True where `directory` holds exactly what the lock file says. */
export const isVenvReady = async ({ directory, requirements }: Omit<VenvRequest, 'onLine'>): Promise<boolean> => {
  const stamp = await readFile(stampOf(directory), 'utf8').catch(() => '');
  return stamp === (await digestOf(requirements)) && (await exists(venvPython(directory)));
};

/**
 * Builds the environment, or reuses it. It is built beside its place and then renamed: killed half-way, it leaves nothing
 * that looks ready, and of two builders one wins. By `uv` where it can be had, else by pip.
 * @throws PerennialError MISSING_PART naming what is absent and how to get it.
 */
export const ensureVenv = async (request: VenvRequest): Promise<'built' | 'reused'> => {
  if (await isVenvReady(request)) return 'reused';
  const { directory, requirements, onLine } = request;
  const draft = `${directory}.${randomUUID().slice(0, 8)}`;
  await mkdir(dirname(directory), { recursive: true });
  try {
    await build(draft, requirements, onLine);
    await writeFile(stampOf(draft), await digestOf(requirements));
    await takePlace(draft, request);
  } catch (cause) {
    throw missing(cause);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return 'built';
};

/** A file inside the installed packages, by its path below site-packages. @throws PerennialError MISSING_PART */
export const packageFile = async (directory: string, path: string): Promise<string> => {
  const libraries = join(directory, 'lib');
  for (const version of await readdir(libraries).catch(() => [])) {
    const file = join(libraries, version, 'site-packages', path);
    if (await exists(file)) return file;
  }
  throw new PerennialError('MISSING_PART', 'A file of the Python environment is missing', {
    field: path,
    value: directory,
    mend: 'Run `perennial up`, which builds the environment.',
  });
};

/** LightGBM's shared library, for the foreign function interface. */
export const lightgbmLibrary = (directory: string): Promise<string> =>
  packageFile(
    directory,
    process.platform === 'darwin' ? 'lightgbm/lib/lib_lightgbm.dylib' : 'lightgbm/lib/lib_lightgbm.so',
  );

/** @throws PerennialError MISSING_PART where LightGBM's library cannot find its OpenMP runtime. */
export const checkOpenMp = async (directory: string): Promise<void> => {
  const library = await lightgbmLibrary(directory);
  try {
    await execa(venvPython(directory), ['-c', 'import ctypes, sys; ctypes.CDLL(sys.argv[1])', library]);
  } catch (cause) {
    throw new PerennialError('MISSING_PART', 'LightGBM cannot load its OpenMP runtime', {
      field: 'libgomp1',
      mend: 'Install it: `apt-get install libgomp1` (Debian, Ubuntu), `dnf install libgomp` (Fedora), `brew install libomp` (macOS).',
      cause,
    });
  }
};

// The lock is complete, so nothing is resolved: `--no-deps` also keeps out what the lock leaves out on purpose.
const build = async (draft: string, requirements: string, onLine: (line: string) => void): Promise<void> => {
  const hashed = ['--require-hashes', '--no-deps', '-r', requirements];
  const uv = await findUv(draft, onLine);
  if (uv === undefined) {
    onLine('installing by pip, about a minute');
    await execa(venvPython(draft), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...hashed]);
    return;
  }
  onLine('installing by uv');
  if (uv === 'uv') await execa(uv, ['venv', '--quiet', '--python', '>=3.10', '--no-python-downloads', draft]);
  await execa(uv, ['pip', 'install', '--quiet', '--python', venvPython(draft), ...hashed]);
};

// uv from the search path; else from a fresh venv's own pip; else none, and the venv is there for pip.
const findUv = async (draft: string, onLine: (line: string) => void): Promise<string | undefined> => {
  const found = await execa('uv', ['--version'], { reject: false });
  if (!found.failed) return 'uv';
  onLine('making a virtual environment');
  await execa('python3', ['-m', 'venv', draft]);
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'uv'];
  const got = await execa(venvPython(draft), install, { reject: false });
  return got.failed ? undefined : join(draft, 'bin', 'uv');
};

const takePlace = async (draft: string, request: VenvRequest): Promise<void> => {
  if (await isVenvReady(request)) return;
  await rm(request.directory, { recursive: true, force: true });
  await rename(draft, request.directory).catch(async (error: unknown) => {
    if (!(await isVenvReady(request))) throw error;
  });
};

const missing = (cause: unknown): PerennialError => {
  const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : String(cause);
  const last = said.trim().split('\n').slice(-3).join(' ').slice(0, 600);
  return new PerennialError('MISSING_PART', `The Python environment could not be built: ${last}`, {
    field: 'python',
    mend: 'It needs Python 3.10 or later with venv (`apt-get install python3-venv`) or `uv`, and a reachable PyPI or mirror.',
    cause,
  });
};

const stampOf = (directory: string): string => join(directory, 'perennial-lock.sha256');
const digestOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
