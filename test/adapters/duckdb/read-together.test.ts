// Files that are read together come to what each comes to alone, to the row and the line; and what cannot be vouched for is not.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DuckDb } from '../../../adapters/duckdb/session.ts';
import type { Source } from '../../../core/source.ts';
import { Bench, GOOD, HEADER, shop } from './read-bench.ts';

let bench: Bench;
let beside: DuckDb[];
beforeAll(async () => {
  bench = await Bench.open();
  beside = [await bench.db.beside()];
});
afterAll(() => bench.close());

const csv = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`;
const day = (name: number, rows: number) =>
  csv(...Array.from({ length: rows }, (_, i) => `2024-05-${10 + name} 10:00:00,view,b${name},${i}.5,${i}`));

/** Reads the files in both ways; `together` names what held rows without being staged first. */
const bothWays = async (files: Record<string, string | Buffer>, source: Source = shop) => {
  const folder = await mkdtemp(join(tmpdir(), 'perennial-together-'));
  const paths: string[] = [];
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content);
    paths.push(join(folder, name));
  }
  const apart = await bench.paths(paths, { source, together: [] }, beside);
  const one = await bench.paths(paths, { source }, beside);
  await rm(folder, { recursive: true });
  expect({ ...one, written: [] }).toEqual({ ...apart, written: [] });
  expect(apart.written).toEqual(['out-rows.parquet']);
  return one;
};

test('clean files are not staged; each row keeps its file and line', async () => {
  const files = Object.fromEntries([0, 1, 2, 3, 4].map((n) => [`${n}.csv`, day(n, 1_000 * n)]));
  const { written, rows, ledger } = await bothWays(files);
  expect(written).toEqual(['out-first.parquet', 'out-second.parquet']);
  expect(rows).toHaveLength(10_000);
  expect(rows.slice(0, 2).map(({ brand, line, user }) => [brand, line, user])).toEqual([
    ['b1', '2', 0],
    ['b1', '3', 1],
  ]);
  expect(ledger.map(({ rows_in, days, reason }) => [rows_in, days, reason])).toContainEqual(['0', [], 'header only']);
});

test('bad rows between good ones are quarantined with their own lines, and move no other', async () => {
  const bad = '2024-05-01 10:00:00,view,a,-1,1';
  const dirty = csv(bad, GOOD, 'never,view,a,1,1', GOOD, GOOD, bad);
  const { written, bad: found } = await bothWays({
    '0.csv': day(0, 50),
    '1.csv': dirty,
    '2.csv': dirty,
    '3.csv': day(3, 50),
  });
  expect(written).toEqual(['out-first.parquet', 'out-second.parquet']);
  expect(found.map(({ file_name, line }) => `${file_name}:${line}`)).toEqual(
    ['1.csv', '2.csv'].flatMap((name) => ['2', '4', '7'].map((line) => `${name}:${line}`)),
  );
});

test.each([
  ['a record over two lines', csv('2024-05-01 10:00:00,view,"a\nb",1,1', GOOD)],
  ['a record over two lines, and a blank line that hides it', csv('2024-05-01 10:00:00,view,"a\nb",1,1', '', GOOD)],
  ['a row too long', csv(GOOD, `${GOOD},more,and more`)],
  ['a quote that runs away', csv(GOOD, '2024-05-01 10:00:00,view,"a,1,1', GOOD)],
  ['Latin-1', Buffer.from(csv('2024-05-01 10:00:00,view,caf\xe9,1,1'), 'latin1')],
  ['other columns', 'kind,at,brand,price,user\nview,2024-05-01 10:00:00,x,1,1\n'],
  ['a missing column', 'at,kind\n2024-05-01 10:00:00,view\n'],
  ['carriage returns', csv(GOOD, GOOD).replaceAll('\n', '\r\n')],
  ['nothing', ''],
])('%s among clean files changes nothing for them', async (_, odd) => {
  await bothWays({ '0.csv': day(0, 20), '1.csv': day(1, 20), '2.csv': odd, '3.csv': day(3, 20), '4.csv': day(4, 20) });
});

test('a file with too many bad rows is refused whole, and its neighbours are not', async () => {
  const spoiled = csv(GOOD, 'never,view,a,1,1', 'never,view,a,1,1');
  const source = { ...shop, refuseAbove: 0.2 };
  const { outcomes } = await bothWays({ '0.csv': day(0, 20), '1.csv': day(1, 20), '2.csv': spoiled }, source);
  expect(outcomes.map(({ status, loaded }) => [status, loaded])).toEqual([
    ['loaded', 20],
    ['loaded', 20],
    ['refused', 0],
  ]);
});
