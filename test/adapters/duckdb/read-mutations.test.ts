// The laws of the reader over as many mutated files as it takes to find each rule of it that might break.
import { afterAll, beforeAll, test } from 'vitest';
import type { Bench } from './read-bench.ts';
import { csvIsAccounted, openBench, packedIsAccounted, readersAgree } from './read-laws.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

test('mutated CSV files are accounted for, row by row', () => csvIsAccounted(bench, 60), 120_000);

test('mutated gzip and Parquet files are read or refused', () => packedIsAccounted(bench, 20), 120_000);

test(
  'where DuckDB alone is trusted with a file, the exact reader reads the same',
  () => readersAgree(bench, 150),
  120_000,
);
