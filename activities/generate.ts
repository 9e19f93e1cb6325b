// Writes a generated shop to a folder: daily event and touchpoint files, and the planted truth beside them. A batch of days in memory at a time.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { PerennialError } from '../core/errors.ts';
import { type FileFormat, hasRowFaults } from '../models/ecommerce-intelligence/generator/faults.ts';
import { oracleSql } from '../models/ecommerce-intelligence/generator/oracle.ts';
import {
  cutDay,
  defaultCut,
  LABEL_DAYS,
  type Plan,
  planGeneration,
  populationOptions,
} from '../models/ecommerce-intelligence/generator/plan.ts';
import { dateAfter } from '../models/ecommerce-intelligence/generator/season.ts';
import {
  affinitiesSql,
  faultCountsSql,
  truthDocument,
  userTruthSql,
} from '../models/ecommerce-intelligence/generator/truth.ts';
import type { OnProgress } from './deps.ts';
import { copyTyped, eventFile, writeDays } from './generate/days.ts';
import { closeLanes, fillTogether, type Lane, openLanes } from './generate/lanes.ts';

export const generateOptions = populationOptions.extend({
  out: z.string().min(1),
  format: z.enum(['csv', 'csv.gz', 'parquet']).default('csv'),
  /** Dates for which the oracle is asked; default: 30 days before the data ends. */
  cuts: z.array(z.iso.date()).optional(),
  threads: z.int().min(1).optional(),
  /** DuckDB's, over all threads. */
  memoryMegabytes: z.int().min(256).default(2048),
});
export type GenerateOptions = z.input<typeof generateOptions>;

export interface GenerateStep {
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

export interface Generated {
  /** Good rows: duplicates and malformed ones come on top, see truth.json. */
  readonly rows: number;
  /** Daily event files. */
  readonly files: number;
  readonly users: number;
  /** First and last day, inclusive. */
  readonly from: string;
  readonly to: string;
  readonly seconds: number;
  readonly truth: {
    readonly folder: string;
    readonly document: string;
    readonly users: string;
    readonly affinities: string;
    readonly faults?: string;
    /** By cut date. */
    readonly oracles: Readonly<Record<string, string>>;
  };
}

/** More lanes would wait for one another: statements run on libuv's four threads. */
const MOST_LANES = 4;

/**
 * Generates a shop. The files are a function of (rows, seed, from, days, faults, format) on one version of DuckDB, whatever the threads.
 * Running it again writes the same files; a folder with other event files is refused (INVALID_INPUT). truth.json is written last.
 */
export const generateEvents = async (input: GenerateOptions, step: GenerateStep = {}): Promise<Generated> => {
  const begun = performance.now();
  const { out, format, cuts: asked, threads, memoryMegabytes, ...population } = parsed(input);
  const plan = planGeneration(population);
  const cuts = asked ?? (plan.days > LABEL_DAYS ? [defaultCut(plan)] : []);
  for (const cut of cuts) cutDay(plan, cut);
  await prepareFolder(plan, out, format);
  const tempDirectory = path.join(out, '.spill');
  // Late rows wait from one day to the next, so with faults a single lane makes all days.
  const lanes = hasRowFaults(plan) ? 1 : Math.min(threads ?? availableParallelism(), MOST_LANES);
  const opened = await openLanes(plan, { lanes, memoryMegabytes, tempDirectory });
  const stop = (): void => {
    for (const { db } of opened) db.interrupt();
  };
  step.signal?.addEventListener('abort', stop);
  try {
    const { onProgress = () => undefined, signal } = step;
    const rows = await writeDays(opened, plan, { out, format, onProgress, signal });
    const truth = await writeTruth(opened, plan, { out, cuts, rows });
    return {
      rows,
      files: plan.days,
      users: plan.users,
      ...span(plan),
      seconds: (performance.now() - begun) / 1000,
      truth,
    };
  } finally {
    step.signal?.removeEventListener('abort', stop);
    closeLanes(opened);
    await rm(tempDirectory, { recursive: true, force: true });
  }
};

const span = (plan: Plan): { from: string; to: string } => ({
  from: plan.from,
  to: dateAfter(plan.from, plan.days - 1),
});

const parsed = (input: GenerateOptions): z.infer<typeof generateOptions> => {
  const result = generateOptions.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new PerennialError('INVALID_INPUT', `Cannot generate: ${issue?.message}`, {
    field: issue?.path.join('.') ?? 'options',
  });
};

/** Makes the folder ready: an earlier run's same-named files will be overwritten, others must not be mixed in. */
const prepareFolder = async (plan: Plan, out: string, format: FileFormat): Promise<void> => {
  await mkdir(path.join(out, 'truth'), { recursive: true });
  const ours = new Set(Array.from({ length: plan.days }, (_, day) => eventFile(plan, day, format)));
  const strange = (await readdir(out)).find((name) => name.startsWith('events-') && !ours.has(name));
  if (strange !== undefined)
    throw new PerennialError('INVALID_INPUT', 'The folder holds event files of another run', {
      field: 'out',
      value: path.join(out, strange),
      mend: 'Choose an empty folder',
    });
  await rm(path.join(out, 'truth', 'truth.json'), { force: true });
};

interface TruthRequest {
  readonly out: string;
  readonly cuts: readonly string[];
  readonly rows: number;
}

const writeTruth = async (
  lanes: readonly [Lane, ...Lane[]],
  plan: Plan,
  { out, cuts, rows }: TruthRequest,
): Promise<Generated['truth']> => {
  const [{ db }] = lanes;
  const folder = path.join(out, 'truth');
  const write = async (name: string, select: string): Promise<string> => {
    const file = path.join(folder, `${name}.parquet`);
    await db.run(copyTyped(select, file, 'parquet'));
    return file;
  };
  const oracles: Record<string, string> = {};
  for (const cut of cuts) {
    await fillTogether(lanes, 'oracle', oracleSql(plan, cutDay(plan, cut)));
    oracles[cut] = await write(`oracle-${cut}`, 'from oracle');
  }
  const users = await write('users', userTruthSql());
  const affinities = await write('affinities', affinitiesSql);
  const faulty = hasRowFaults(plan);
  const listed = faulty
    ? { faults: await write('faults', 'select * from faults order by file_name, line, fault') }
    : {};
  const found = faulty ? await db.rows(faultCountsSql) : [];
  const faults = found.map((row) => ({ fault: String(row.fault), kind: String(row.kind), rows: Number(row.rows) }));
  const document = path.join(folder, 'truth.json');
  const content = truthDocument(plan, { rows, files: plan.days, cuts, faults });
  await writeFile(document, `${JSON.stringify(content, null, 2)}\n`);
  return { folder, document, users, affinities, ...listed, oracles };
};
