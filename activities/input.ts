// The border between people and a run: what was typed into the start form, checked, completed, or refused with every problem at once.
import path from 'node:path';
import { z } from 'zod';
import type { RunInput } from '../core/run.ts';
import { useCaseNamed } from '../core/use-case.ts';
import type { Deps } from './deps.ts';
import { generateEvents } from './generate.ts';
import { framed } from './heartbeat.ts';
import { withLake } from './lake-session.ts';
import { parsed } from './parsed.ts';

export const runInput = z.strictObject({
  useCase: z.string().default('ecommerce-intelligence'),
  path: z.string().min(1).optional(),
  source: z.string().min(1).optional(),
  asOf: z.iso.date().optional(),
  seed: z.int().min(0).max(2_147_483_647).default(42),
  truth: z.string().min(1).optional(),
  knownAt: z.iso.datetime().optional(),
  tag: z.string().min(1).optional(),
  train: z.boolean().optional(),
  lostAfterSeconds: z.int().min(2).max(3_600).optional(),
});

export type CheckedInput = z.output<typeof runInput>;

const EXAMPLE = { useCase: 'ecommerce-intelligence', path: '/data/events/*.csv', asOf: '2019-12-01', seed: 42 };
const TAGGED = { path: ['tag'], error: 'a run from a tag ingests nothing: leave out path' };
/** Rows of the sample that a run with no data at all generates for itself. */
const SAMPLE_ROWS = 100_000;

export const createInputActivities = (deps: Deps) => ({
  checkInput: (input: RunInput): Promise<CheckedInput> =>
    framed(deps.crash, async ({ signal, onProgress }) => {
      const checked = parseInput(input);
      useCaseNamed(deps.useCases, checked.useCase);
      if (checked.path !== undefined || checked.tag !== undefined || (await lakeHasData(deps, signal))) return checked;
      const out = path.join(deps.settings.stage, `sample-${checked.useCase}-${checked.seed}`);
      await generateEvents({ rows: SAMPLE_ROWS, seed: checked.seed, out, format: 'csv' }, { signal, onProgress });
      return { ...checked, path: path.join(out, 'events-*.csv'), source: 'clickstream' };
    }),
});

export const parseInput = (input: unknown): CheckedInput =>
  parsed(
    runInput.refine(({ path: files, tag }) => files === undefined || tag === undefined, TAGGED),
    input ?? {},
    `A valid input: ${JSON.stringify(EXAMPLE)}, or {}`,
  );

const lakeHasData = (deps: Deps, signal: AbortSignal): Promise<boolean> =>
  withLake(deps, signal, async (lake) => (await lake.head('bronze.files')) !== undefined);
