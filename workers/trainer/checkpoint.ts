// Checkpoints of a training run: one file per segment, whole or absent, and only good for the very same run.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** First line of a checkpoint file; the model text follows. */
const Header = z.strictObject({
  /** Hash of all that determines the model. */
  fingerprint: z.string(),
  round: z.int().nonnegative(),
  finished: z.boolean(),
  sha256: z.string(),
});

export interface Checkpoint {
  /** Rounds grown. */
  readonly round: number;
  /** No further tree can be grown. */
  readonly finished: boolean;
  readonly modelText: string;
}

const KEPT = 2;
const NAME = /^round-\d{8}\.checkpoint$/;

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** The checkpoint of the most rounds that is whole and of this run. */
export const newestCheckpoint = async (directory: string, fingerprint: string): Promise<Checkpoint | undefined> => {
  for (const name of await checkpointNames(directory)) {
    const found = parse(await readFile(join(directory, name), 'utf8'), fingerprint);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** Writes a checkpoint durably, then drops all but the newest two: a damaged newest one must not cost the whole run. */
export const saveCheckpoint = async (directory: string, fingerprint: string, checkpoint: Checkpoint): Promise<void> => {
  const { round, finished, modelText } = checkpoint;
  const header = JSON.stringify({ fingerprint, round, finished, sha256: sha256(modelText) });
  const name = `round-${String(round).padStart(8, '0')}.checkpoint`;
  await writeDurably(directory, name, `${header}\n${modelText}`);
  for (const old of (await checkpointNames(directory)).slice(KEPT)) await rm(join(directory, old), { force: true });
};

/** The file is there whole or not at all, and stays there if the power goes: temporary file, fsync, rename, fsync of the folder. */
export const writeDurably = async (directory: string, name: string, content: string): Promise<string> => {
  await mkdir(directory, { recursive: true });
  const path = join(directory, name);
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(directory, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  return path;
};

/** Newest first. */
const checkpointNames = async (directory: string): Promise<string[]> => {
  await mkdir(directory, { recursive: true });
  return (await readdir(directory))
    .filter((name) => NAME.test(name))
    .sort()
    .reverse();
};

const parse = (content: string, fingerprint: string): Checkpoint | undefined => {
  const end = content.indexOf('\n');
  const header = Header.safeParse(jsonOrUndefined(content.slice(0, end)));
  const modelText = content.slice(end + 1);
  if (!header.success || header.data.fingerprint !== fingerprint || header.data.sha256 !== sha256(modelText)) {
    return undefined;
  }
  return { round: header.data.round, finished: header.data.finished, modelText };
};

/** A damaged file is as good as none: an earlier checkpoint, or the start, serves instead. */
const jsonOrUndefined = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
