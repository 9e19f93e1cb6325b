// Turns what a person typed (a file, a folder, a glob, an archive) into a list of files, each with the name the ledger will know it by.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import { isTar, unpackTar } from '../../adapters/archive/tar.ts';
import { PerennialError } from '../../core/errors.ts';

export interface Archive {
  readonly path: string;
  readonly sha256: string;
}

export interface FoundFile {
  readonly path: string;
  readonly name: string;
  readonly archive: Archive | null;
}

export interface Found {
  readonly files: readonly FoundFile[];
  readonly notes: readonly string[];
}

interface Where {
  /** Scratch folder that archives are unpacked into. */
  readonly stage: string;
  readonly signal?: AbortSignal | undefined;
}

const GLOB = /[*?]/;
const ARCHIVE_NAME = /\.(tar|tgz|tar\.gz)$/i;
/** Far above any honest delivery; a bomb stops here. */
const ARCHIVE_LIMITS = { bytes: 1024 * 2 ** 30, entries: 100_000 };

/** Sorted by name. Throws `INVALID_INPUT` where there is nothing. */
export const findFiles = async (path: string, where: Where): Promise<Found> => {
  const listed = await list(resolve(path));
  const notes: string[] = [];
  const files: FoundFile[] = [];
  const archives = listed.filter(({ name }) => ARCHIVE_NAME.test(name)).length;
  for (const file of listed) {
    if (!ARCHIVE_NAME.test(file.name) || !(await isTar(file.path))) files.push({ ...file, archive: null });
    else files.push(...(await entries(file, archives > 1, where, notes)));
  }
  if (files.length === 0)
    throw new PerennialError('INVALID_INPUT', 'there are no files', { field: 'path', value: path });
  return { files: files.toSorted(byName), notes };
};

/** Unpacks an archive once; a folder that stands is whole, because it gets its name last. */
export const unpacked = async (
  archive: Archive,
  { stage, signal }: Where,
): Promise<{ folder: string; passedOver: string[] }> => {
  const folder = join(stage, 'archives', archive.sha256);
  if (await exists(folder)) return { folder, passedOver: [] };
  const fresh = `${folder}.${process.pid}.${process.hrtime.bigint()}`;
  await mkdir(fresh, { recursive: true });
  try {
    const { passedOver } = await unpackTar(archive.path, fresh, { ...ARCHIVE_LIMITS, signal });
    await writeFile(join(fresh, '.whole'), '');
    await rename(fresh, folder);
    return { folder, passedOver: [...passedOver] };
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // Somebody else has put it there meanwhile.
    if (await exists(folder)) return { folder, passedOver: [] };
    throw error;
  }
};

export const sha256OfFile = async (path: string, signal?: AbortSignal): Promise<string> => {
  const hash = createHash('sha256');
  const bytes = createReadStream(path, { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) });
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
};

interface Listed {
  readonly path: string;
  readonly name: string;
}

const byName = (a: Listed, b: Listed): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

const list = async (path: string): Promise<Listed[]> => {
  if (await exists(path)) {
    if (!(await stat(path)).isDirectory()) return [{ path, name: basename(path) }];
    return under(path, () => true);
  }
  if (!GLOB.test(path))
    throw new PerennialError('INVALID_INPUT', 'no such file or folder', { field: 'path', value: path });
  const root = globRoot(path);
  if (!(await exists(root)))
    throw new PerennialError('INVALID_INPUT', 'no such folder', { field: 'path', value: root });
  const pattern = globPattern(relative(root, path));
  return under(root, (name) => pattern.test(name));
};

const under = async (root: string, wanted: (name: string) => boolean): Promise<Listed[]> => {
  const found = await readdir(root, { recursive: true, withFileTypes: true });
  const named = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, name: relative(root, path).replaceAll('\\', '/') }));
  const hidden = (name: string) => name.split('/').some((part) => part.startsWith('.'));
  return named.filter(({ name }) => !hidden(name) && wanted(name)).toSorted(byName);
};

/** The folder above the first wildcard. */
const globRoot = (path: string): string => {
  const parts = path.split('/');
  const wild = parts.findIndex((part) => GLOB.test(part));
  return parts.slice(0, wild).join('/') || '/';
};

/** `*` and `?` stay within a folder, `**` does not. */
const globPattern = (glob: string): RegExp => {
  const body = glob.replace(/\*\*\/|\*\*|[*?]|[\\^$.|+()[\]{}]/g, (token) => {
    if (token === '**/') return '(?:.*/)?';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    return token === '?' ? '[^/]' : `\\${token}`;
  });
  return new RegExp(`^${body}$`);
};

const entries = async (file: Listed, several: boolean, where: Where, notes: string[]): Promise<FoundFile[]> => {
  const archive = { path: file.path, sha256: await sha256OfFile(file.path, where.signal) };
  const { folder, passedOver } = await unpacked(archive, where);
  if (passedOver.length > 0)
    notes.push(`${file.name}: ${passedOver.length} entries passed over, such as ${passedOver[0]}`);
  const inside = await under(folder, () => true);
  // Alone, an archive is its folder packed up: its files have the names they would have unpacked.
  return inside.map(({ path, name }) => ({ path, name: several ? `${file.name}/${name}` : name, archive }));
};

const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code))) return false;
    throw error;
  }
};
