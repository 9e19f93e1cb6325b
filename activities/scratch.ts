// The scratch of steps: folders whose owners may have died. Nothing in them is needed for long; what nobody has touched goes.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deleted } from '../core/maintenance.ts';

/** What lies two floors down belongs to one step: `ingest/<key>`, `train/<key>`, `archives/<sha256>`. */
const DEPTH = 2;

/** Removes what was last touched before a moment (milliseconds), whole; returns how many files and bytes that was. */
export const clearFolder = async (folder: string, before: number, dryRun: boolean): Promise<Deleted> => {
  let [files, bytes] = [0, 0];
  for (const path of await below(folder, DEPTH)) {
    const found = await weigh(path);
    if (found === undefined || found.touchedAt >= before) continue;
    if (!dryRun) await rm(path, { recursive: true, force: true });
    files += found.files;
    bytes += found.bytes;
  }
  return { files, bytes };
};

/** Paths at a depth, or above it where a path is no folder. */
const below = async (folder: string, depth: number): Promise<string[]> => {
  if (depth === 0) return [folder];
  const entries = (await unlessGone(readdir(folder, { withFileTypes: true }))) ?? [];
  const paths = entries.map((entry) =>
    entry.isDirectory() ? below(join(folder, entry.name), depth - 1) : [join(folder, entry.name)],
  );
  return (await Promise.all(paths)).flat();
};

interface Weight {
  readonly files: number;
  readonly bytes: number;
  /** When anything in it was last written. */
  readonly touchedAt: number;
}

const weigh = async (path: string): Promise<Weight | undefined> => {
  const own = await unlessGone(stat(path));
  if (own === undefined) return undefined;
  if (!own.isDirectory()) return { files: 1, bytes: own.size, touchedAt: own.mtimeMs };
  const entries = (await unlessGone(readdir(path))) ?? [];
  const inside = await Promise.all(entries.map((name) => weigh(join(path, name))));
  return inside.reduce<Weight>(
    (sum, one) => ({
      files: sum.files + (one?.files ?? 0),
      bytes: sum.bytes + (one?.bytes ?? 0),
      touchedAt: Math.max(sum.touchedAt, one?.touchedAt ?? 0),
    }),
    { files: 0, bytes: 0, touchedAt: own.mtimeMs },
  );
};

/** Steps clear up behind themselves meanwhile. */
const unlessGone = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
