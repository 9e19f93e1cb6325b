// What the supervisor tells about itself, in <home>/run/stack.json: the one thing that up, down, status and tests read.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { environmentNames } from '../../core/access.ts';

export const partNames = ['postgres', 'temporal', 'mlflow', 'worker', 'api'] as const;
export type PartName = (typeof partNames)[number];

const markSchema = z.strictObject({ pid: z.number().int(), started: z.string() });

const partReportSchema = z.strictObject({
  name: z.enum(partNames),
  state: z.enum(['waiting', 'starting', 'up', 'restarting', 'failed', 'stopped']),
  /** Given by an address of the user's own: neither started nor stopped here. */
  external: z.boolean(),
  process: markSchema.optional(),
  address: z.string(),
  version: z.string().optional(),
  restarts: z.number().int(),
  log: z.string(),
  /** What went wrong last. */
  problem: z.string().optional(),
});
export type PartReport = z.infer<typeof partReportSchema>;

const runFileSchema = z.strictObject({
  /** Those that worker and API serve. */
  environments: z.array(z.enum(environmentNames)),
  supervisor: markSchema,
  state: z.enum(['starting', 'up', 'failed', 'stopping']),
  parts: z.array(partReportSchema),
});
export type RunFile = z.infer<typeof runFileSchema>;

const placeOf = (home: string): string => join(home, 'run', 'stack.json');

/** The run file, or undefined where there is none, or none that this version understands. */
export const readRunFile = async (home: string): Promise<RunFile | undefined> => {
  const text = await readFile(placeOf(home), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '';
  });
  if (text === '') return undefined;
  const parsed = runFileSchema.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : undefined;
};

/** Replaces the run file whole, so that a reader never sees half of it. */
export const writeRunFile = async (home: string, content: RunFile): Promise<void> => {
  const place = placeOf(home);
  await mkdir(dirname(place), { recursive: true });
  await writeFile(`${place}.draft`, `${JSON.stringify(content, null, 2)}\n`);
  await rename(`${place}.draft`, place);
};

export const removeRunFile = (home: string): Promise<void> => rm(placeOf(home), { force: true });
