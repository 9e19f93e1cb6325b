// Whatever happens to a file's bytes: every row is loaded or quarantined, once, and both ways of reading agree. Held against random files:
// a few in `npm run check`, many in `npm run campaign`.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect } from 'vitest';
import { isTrusted } from '../../../adapters/duckdb/read-csv.ts';
import { readHeader } from '../../../adapters/duckdb/read-header.ts';
import { profileText } from '../../../adapters/duckdb/read-profile.ts';
import { rewriteRecords } from '../../../adapters/duckdb/read-records.ts';
import { Bench, GOOD, HEADER, type Reading } from './read-bench.ts';

/** A bench whose DuckDB keeps no bytes of files: these tests write the same paths again within the clock's grain, which that cache confuses. */
export const openBench = async (): Promise<Bench> => {
  const bench = await Bench.open();
  await bench.db.run('set enable_external_file_cache = false');
  return bench;
};

const LINES = [
  GOOD,
  '2024-05-01 10:00:01,cart,"quoted, with ""care""",12.50,1',
  '2024-05-01 10:00:02,view,"two\nlines",1,2',
  '2024-05-02 10:00:03,view,Café,0.01,3',
  'bad,row,,x,',
  '2024-05-02 10:00:04,cart,,3,4',
];
const CLEAN = Buffer.from(`${HEADER}\n${LINES.join('\n')}\n${GOOD}\n`);
/** The bytes that mean something to a CSV reader come up as often as all others together. */
const telling = fc.oneof(fc.constantFrom(...Buffer.from('\n\r,;"\t \0\xff\xfe\xc3', 'latin1')), fc.nat(255));
const mutation = fc.record({
  kind: fc.constantFrom('replace', 'insert', 'remove', 'cut', 'repeat'),
  at: fc.nat(CLEAN.length),
  byte: telling,
  length: fc.nat(40),
});

/** A carriage return in a record that is rejected: told as the value, it is no line end. */
const RETURN_IN_REJECT = [
  { kind: 'cut', at: 26, byte: 10, length: 0 },
  { kind: 'replace', at: 26, byte: 13, length: 0 },
];

const mutated = (
  from: Buffer,
  changes: readonly { kind: string; at: number; byte: number; length: number }[],
): Buffer => {
  let bytes = from;
  for (const { kind, at, byte, length } of changes) {
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (kind === 'cut') bytes = before;
    else if (kind === 'repeat') bytes = Buffer.concat([before, after.subarray(0, length), after]);
    else if (kind === 'insert') bytes = Buffer.concat([before, Buffer.from([byte]), after]);
    else bytes = Buffer.concat([before, Buffer.from(kind === 'replace' ? [byte] : []), after.subarray(1)]);
  }
  return bytes;
};

const accounted = ({ outcomes, rows, bad }: Reading) => {
  for (const { rowsIn, loaded, quarantined, status } of outcomes) {
    expect(rowsIn).toBe(loaded + quarantined);
    expect(rows).toHaveLength(loaded);
    if (status === 'loaded') expect(bad).toHaveLength(quarantined);
    else expect(loaded).toBe(0);
  }
  const lines = [...rows, ...bad].map(({ line }) => line).filter((line) => line !== null);
  expect(new Set(lines).size).toBe(lines.length);
  for (const { value, reason } of bad) {
    expect([...String(value ?? '')].length).toBeLessThanOrEqual(200);
    expect(String(reason)).not.toBe('');
  }
};

/** Mutated CSV files are accounted for, row by row. */
export const csvIsAccounted = (bench: Bench, numRuns: number): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 6 }), async (changes) => {
      accounted(await bench.one(mutated(CLEAN, changes)));
    }),
    { numRuns, seed: 20240501, examples: [[RETURN_IN_REJECT]] },
  );

/** Mutated gzip and Parquet files are read or refused. */
export const packedIsAccounted = async (bench: Bench, numRuns: number): Promise<void> => {
  const parquet = join(bench.folder, 'clean.parquet');
  await bench.db.run(
    `copy (select timestamp '2024-05-01' + to_seconds(i) as at, 'view' as kind, 'b' || i as brand, 1.5::double as price, i::integer as user
     from range(300) t(i)) to '${parquet}' (format parquet)`,
  );
  const originals = [gzipSync(CLEAN), await readFile(parquet)];
  const spot = fc.record({
    kind: fc.constantFrom('replace', 'cut'),
    at: fc.nat(4_000),
    byte: fc.nat(255),
    length: fc.constant(0),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...originals),
      fc.array(spot, { minLength: 1, maxLength: 3 }),
      async (bytes, changes) => {
        const inside = changes.map((change) => ({ ...change, at: change.at % bytes.length }));
        accounted(await bench.one(mutated(bytes, inside)));
      },
    ),
    { numRuns, seed: 7 },
  );
};

const scrap = fc.constantFrom('a', 'b', '1', '"', '"', '""', ',', ',', '\n', '\n', '\r\n', '\r', ' ', ' ', 'é', ';');
const line = fc.constantFrom('x,1\n', 'y,2\n', '"q",3\n');

/** Texts that tell the readers apart as soon as one of their rules is broken, found by breaking them. */
const TELLING_TEXTS: [string[]][] = [
  // Spaces beside quotes, where DuckDB has ways of its own.
  [['""', ' ', '"q",3\n']],
  [['x,1\n', '  "x,5\n', 'y,2\n']],
  [['  ""x,2\n']],
  // A return alone; one before the line feed; a blank line; doubled quotes; no line end at the end.
  [['\r', ',']],
  [['a', '"', ',', '\r', '\n']],
  [['\r\n', 'x,1\n']],
  [['""', '"q",3\n']],
  [['""', ',']],
];

/** Where DuckDB alone is trusted with a file, the exact reader reads the same; it is trusted with some. */
export const readersAgree = async (bench: Bench, numRuns: number): Promise<void> => {
  const path = join(bench.folder, 'both.csv');
  const [accepted, rejected] = [`${path}.accepted`, `${path}.rejected`];
  const read = (file: string, columns: string, more: string) =>
    bench.db.rows(`select * from read_csv('${file}', auto_detect = false, header = false, delim = ',', quote = '"', escape = '"', ${more},
      columns = {${columns}})`);
  let trusted = 0;
  await bench.db.run('set preserve_insertion_order = true');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(line, scrap, scrap), { maxLength: 14 }), async (parts) => {
      const text = `a,b\n${parts.join('')}`;
      await writeFile(path, text);
      const header = readHeader(Buffer.from(text), [['a', 'b']]);
      const profile = await profileText(path, 44);
      if (header?.names.length !== 2) return;
      const fast = await read(path, `c0: 'VARCHAR', c1: 'VARCHAR'`, 'skip = 1').catch(() => undefined);
      if (!fast || !isTrusted(profile, fast.length)) return;
      trusted += 1;
      const out = await rewriteRecords({ path, ...header, checkUtf8: false }, { accepted, rejected });
      expect(out).toMatchObject({ accepted: fast.length, rejected: 0 });
      const exact = await read(accepted, `line: 'VARCHAR', c0: 'VARCHAR', c1: 'VARCHAR'`, `new_line = '\\n'`);
      expect(exact).toEqual(fast.map((row, i) => ({ line: String(i + 2), ...row })));
    }),
    { numRuns, seed: 3, examples: TELLING_TEXTS },
  );
  expect(trusted).toBeGreaterThan(numRuns / 10);
};
