// The comparing child process: a packaged model's ONNX against its native text, on rows made to tell them apart.
import { readFileSync } from 'node:fs';
import { Booster } from '../../adapters/lightgbm/booster.ts';
import { limitThreads, openLightGbm } from '../../adapters/lightgbm/library.ts';
import { adversarialRows } from '../../adapters/onnx/adversarial.ts';
import { measureParity } from '../../adapters/onnx/parity.ts';
import { openOnnx } from '../../adapters/onnx/session.ts';
import { serveJob } from './fork.ts';
import { ParityRequest, type ParityResult } from './parity-protocol.ts';

const ROWS = 10_000;

const compare = async ({ libraryPath, modelPath, onnxPath, seed, threads }: ParityRequest): Promise<ParityResult> => {
  const library = openLightGbm(libraryPath);
  limitThreads(library, threads);
  const booster = Booster.load(library, readFileSync(modelPath, 'utf8'));
  const session = await openOnnx(readFileSync(onnxPath), { threads });
  const rows = adversarialRows(booster.dump(), { rows: ROWS, seed });
  const { maxAbsDifference } = await measureParity(booster, session, rows, threads);
  await session.release();
  booster.free();
  return { rows: rows.rows, maxAbsDifference: Number.isFinite(maxAbsDifference) ? maxAbsDifference : null };
};

serveJob(ParityRequest, compare);
