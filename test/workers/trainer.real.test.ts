// The training child: killed with SIGKILL in any segment, it continues from its checkpoint and ends with the very same model bytes.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { balancedWeights } from '../../core/learning/class-weights.ts';
import type { JobOptions } from '../../core/learning/job.ts';
import { trainer } from '../../workers/trainer/index.ts';
import { type TrainRequest, TrainResult } from '../../workers/trainer/protocol.ts';
import { CATEGORICAL, FEATURE_NAMES, learningRows } from '../support/learning-rows.ts';
import { lightGbmPath } from '../support/lightgbm.ts';

const ROWS = 5_000;
const SEGMENT = 5;
const ROUNDS = 23;
let folder = '';
let straight = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trainer-'));
  const { matrix, binary } = learningRows(ROWS, 1);
  write('matrix', matrix.values);
  write('labels', binary);
  write('weights', balancedWeights(binary));
  const { modelPath, resumedFrom } = await train(request('straight'));
  expect(resumedFrom).toBe(0);
  straight = readFileSync(modelPath, 'utf8');
});
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, values: Float64Array | Float32Array): void =>
  writeFileSync(join(folder, name), new Uint8Array(values.buffer));

const request = (run: string, changes: Partial<TrainRequest> = {}): TrainRequest => ({
  libraryPath: lightGbmPath(),
  matrixPath: join(folder, 'matrix'),
  rows: ROWS,
  columns: FEATURE_NAMES.length,
  labelsPath: join(folder, 'labels'),
  weightsPath: join(folder, 'weights'),
  categoricalColumns: CATEGORICAL,
  featureNames: FEATURE_NAMES,
  params: {
    objective: 'binary',
    learning_rate: 0.05,
    max_depth: 6,
    num_leaves: 31,
    feature_fraction: 0.8,
    bagging_fraction: 0.8,
    bagging_freq: 5,
  },
  rounds: ROUNDS,
  segmentRounds: SEGMENT,
  seed: 42,
  threads: 2,
  checkpointDirectory: join(folder, run),
  ...changes,
});

const quiet: JobOptions = { signal: new AbortController().signal, onProgress: () => undefined };
const train = async (
  asked: TrainRequest | Promise<TrainRequest>,
  options: Partial<JobOptions> = {},
): Promise<TrainResult> => TrainResult.parse(await trainer.train(asked, { ...quiet, ...options }));

/** Loaded into the child before its own code: SIGKILL to itself once it has told of the fatal round, so that the kill never comes late. */
const ASSASSIN = `
const send = process.send.bind(process);
process.send = (message, sent) =>
  send(message, (error) => {
    if (message.done === Number(process.env.FATAL_ROUND)) process.kill(process.pid, 'SIGKILL');
    else sent(error);
  });
`;

const trainUntilKilled = async (run: string, fatalRound: number): Promise<void> => {
  writeFileSync(join(folder, 'assassin.mjs'), ASSASSIN);
  vi.stubEnv('NODE_OPTIONS', `--import=${pathToFileURL(join(folder, 'assassin.mjs')).href}`);
  vi.stubEnv('FATAL_ROUND', String(fatalRound));
  try {
    await expect(train(request(run))).rejects.toMatchObject({
      code: 'CHILD_DIED',
      message: expect.stringContaining('SIGKILL'),
    });
  } finally {
    vi.unstubAllEnvs();
  }
};

test('killed in one segment after another, it ends with the same bytes', async () => {
  const resumedFrom: number[] = [];
  for (const fatalRound of [2, 7, 12, 20, 22]) {
    await trainUntilKilled('killed', fatalRound);
    resumedFrom.push(Math.max(0, ...checkpointRounds('killed')));
  }
  const last = await train(request('killed'));
  expect(resumedFrom.every((round, i) => i === 0 || round >= (resumedFrom[i - 1] ?? 0))).toBe(true);
  expect(last.resumedFrom).toBe(resumedFrom.at(-1));
  expect(last.resumedFrom).toBeGreaterThan(0);
  expect(readFileSync(last.modelPath, 'utf8')).toBe(straight);
});

const checkpointRounds = (run: string): number[] =>
  readdirSync(join(folder, run)).flatMap((name) => (name.endsWith('.checkpoint') ? [Number(name.slice(6, 14))] : []));

test('without sampling, segments change nothing: the trees are those of an unbroken run', async () => {
  const params = { objective: 'binary', learning_rate: 0.05 };
  const trees = async (segmentRounds: number): Promise<string> => {
    const { modelPath } = await train(request(`plain-${segmentRounds}`, { params, segmentRounds }));
    return readFileSync(modelPath, 'utf8').split('end of trees')[0] ?? '';
  };
  const unbroken = await trees(ROUNDS);
  expect(unbroken).toContain(`Tree=${ROUNDS - 1}`);
  expect(await trees(SEGMENT)).toBe(unbroken);
});

test('an abort kills the child and rejects with the signal’s reason', async () => {
  const controller = new AbortController();
  const reason = new Error('cancelled');
  const onProgress = (): void => controller.abort(reason);
  await expect(train(request('aborted'), { signal: controller.signal, onProgress })).rejects.toBe(reason);
  const after = await train(request('aborted'));
  expect(readFileSync(after.modelPath, 'utf8')).toBe(straight);
});

test('a job may still be made ready: its failure is the job’s, and nothing of it runs on after the job', async () => {
  const { modelPath } = await train(Promise.resolve(request('ready-later')));
  expect(readFileSync(modelPath, 'utf8')).toBe(straight);
  await expect(train(Promise.reject(new Error('no rows')))).rejects.toThrow('no rows');
  const controller = new AbortController();
  let made = false;
  const making = new Promise<TrainRequest>((resolve) => {
    setTimeout(() => {
      made = true;
      resolve(request('never'));
    }, 500);
  });
  const job = train(making, { signal: controller.signal });
  controller.abort(new Error('cancelled'));
  await expect(job).rejects.toThrow('cancelled');
  expect(made).toBe(true);
});

test('a job that is cancelled before it begins waits for what was making its request, whatever becomes of that', async () => {
  let ended = false;
  const making = new Promise<TrainRequest>((_, reject) => {
    setTimeout(() => {
      ended = true;
      reject(new Error('no rows'));
    }, 200);
  });
  await expect(train(making, { signal: AbortSignal.abort(new Error('cancelled')) })).rejects.toThrow('cancelled');
  expect(ended).toBe(true);
});

test('a finished run is not trained again; a damaged checkpoint falls back to the one before', async () => {
  await train(request('damaged'));
  const again = await train(request('damaged'));
  expect(again.resumedFrom).toBe(ROUNDS);
  const newest = join(folder, 'damaged', 'round-00000023.checkpoint');
  writeFileSync(newest, readFileSync(newest, 'utf8').replace('leaf_value=', 'leaf_value=9'));
  const repaired = await train(request('damaged'));
  expect(repaired.resumedFrom).toBe(20);
  expect(readFileSync(repaired.modelPath, 'utf8')).toBe(straight);
});

test('a checkpoint of other data or parameters is not continued', async () => {
  const other = await train(request('straight', { seed: 43 }));
  expect(other.resumedFrom).toBe(0);
  expect(readFileSync(other.modelPath, 'utf8')).not.toBe(straight);
});

test('the thread count does not change a byte', async () => {
  const { modelPath } = await train(request('one-thread', { threads: 1 }));
  expect(readFileSync(modelPath, 'utf8')).toBe(straight);
});

test('what LightGBM or we refuse arrives with its code', async () => {
  const params = { objective: 'nonsense' };
  await expect(train(request('refused', { params }))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('nonsense'),
  });
  await expect(train(request('refused', { rows: ROWS + 1 }))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  for (const libraryPath of ['/nowhere.so', '']) {
    await expect(train(request('refused', { libraryPath }))).rejects.toMatchObject({ code: 'MISSING_PART' });
  }
});

test('where nothing can be split, it stops early and says so', async () => {
  const params = { objective: 'binary', min_data_in_leaf: 1_000_000 };
  const { rounds, modelPath } = await train(request('constant', { params }));
  expect(rounds).toBe(0);
  expect(readFileSync(modelPath, 'utf8')).toContain('Tree=0');
});
