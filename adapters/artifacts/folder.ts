// Content-addressed bytes in a folder, for the activities and for serving: `<root>/sha256/ab/<hash>`, readable by this user alone.
import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactRef, ArtifactStore } from '../../core/artifact.ts';
import { PerennialError } from '../../core/errors.ts';

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** A store under `root`, which is made if it is absent. A put that returned survives a crash of the machine. */
export class FolderArtifacts implements ArtifactStore {
  private readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  put(bytes: Uint8Array): Promise<ArtifactRef> {
    return put(this.root, bytes);
  }

  get(sha256: string): Promise<Buffer> {
    return get(this.root, sha256);
  }
}

const put = async (root: string, bytes: Uint8Array): Promise<ArtifactRef> => {
  const sha256 = hashOf(bytes);
  // What stands there already is read back, so that a second put mends a file that rotted.
  if (!(await isWhole(root, sha256))) await write(root, sha256, bytes);
  return { uri: `artifact:${sha256}`, sha256, bytes: bytes.byteLength };
};

const get = async (root: string, sha256: string): Promise<Buffer> => {
  const bytes = await read(root, checkedHash(sha256));
  if (bytes === undefined) {
    throw new PerennialError('UNKNOWN_NAME', 'No artifact has this hash', { field: 'sha256', value: sha256 });
  }
  const found = hashOf(bytes);
  if (found !== sha256) {
    const mend = 'Restore the artifact folder from a backup, or run the stage that made it again';
    throw new PerennialError('HASH_MISMATCH', `Artifact ${sha256} holds other bytes`, {
      field: 'sha256',
      value: found,
      mend,
    });
  }
  return bytes;
};

const isWhole = async (root: string, sha256: string): Promise<boolean> => {
  const bytes = await read(root, sha256);
  return bytes !== undefined && hashOf(bytes) === sha256;
};

const read = async (root: string, sha256: string): Promise<Buffer | undefined> => {
  try {
    return await readFile(join(shelf(root, sha256), sha256));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
};

const write = async (root: string, sha256: string, bytes: Uint8Array): Promise<void> => {
  const folder = shelf(root, sha256);
  const attic = join(root, 'tmp');
  for (const path of [attic, folder]) await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
  const draft = join(attic, randomUUID());
  try {
    await writeDurably(draft, bytes);
    await rename(draft, join(folder, sha256));
  } finally {
    await rm(draft, { force: true });
  }
  // The names must be as durable as the bytes: the file's, its shelf's, and the shelf's folder's.
  for (const path of [folder, join(root, 'sha256'), root]) await syncFolder(path);
};

const writeDurably = async (path: string, bytes: Uint8Array): Promise<void> => {
  const file = await open(path, 'wx', PRIVATE_FILE);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
};

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

const shelf = (root: string, sha256: string): string => join(root, 'sha256', sha256.slice(0, 2));
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** A hash becomes part of a path, so nothing but 64 hexadecimal digits passes. */
const checkedHash = (sha256: string): string => {
  if (/^[0-9a-f]{64}$/.test(sha256)) return sha256;
  throw new PerennialError('INVALID_INPUT', 'Not a sha256', { field: 'sha256', value: sha256.slice(0, 80) });
};
