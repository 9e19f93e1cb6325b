// The reader of CSV files: each way in which a file can be odd or dirty, and that no row is lost or counted twice.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { JsonRow } from '../../../core/sql.ts';
import { Bench, GOOD, HEADER, shop } from './read-bench.ts';

let bench: Bench;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(() => bench.close());

const csv = (...lines: string[]) => `${[HEADER, ...lines].join('\n')}\n`;
const brief = (rows: readonly JsonRow[]) =>
  rows.map(({ line, column_name, value, reason }) => [line, column_name, value, reason]);
const brands = (rows: readonly JsonRow[]) => rows.map(({ line, brand }) => [line, brand]);

test('a clean file: typed columns in the order of the contract, with file, line and time of knowledge', async () => {
  const { outcome, rows, bad, ledger } = await bench.one(csv(GOOD, '2024-05-02 10:00:00,cart,,0,8'));
  expect(outcome).toMatchObject({ rowsIn: 2, loaded: 2, quarantined: 0, status: 'loaded', reason: '' });
  expect(bad).toEqual([]);
  expect(Object.keys(rows[0] ?? {})).toEqual(['at', 'kind', 'brand', 'price', 'user', 'file_id', 'line', 'known_at']);
  expect(rows[0]).toMatchObject({
    at: '2024-05-01 10:00:00',
    price: '9.99',
    user: 7,
    line: '2',
    known_at: '2024-06-01 00:00:00',
  });
  expect(rows[1]).toMatchObject({ brand: null, price: '0.00', line: '3' });
  expect(ledger[0]).toMatchObject({
    source: 'shop',
    file_name: 'one.csv',
    version: 1,
    rows_in: '2',
    days: ['2024-05-01', '2024-05-02'],
  });
});

test('every rule names line, column, value and reason; the first broken column decides', async () => {
  const { outcome, bad, rows } = await bench.one(
    csv(
      'yesterday,view,a,1,1',
      GOOD,
      '2024-05-01 10:00:00,buy,a,1,1',
      '2024-05-01 10:00:00,view,aaaaaaaaaaaaaaaaaaaaa,1,1',
      '2024-05-01 10:00:00,view,a,-0.01,1',
      '2024-05-01 10:00:00,view,a,1.005,1',
      '2024-05-01 10:00:00,view,a,cheap,1',
      '2024-05-01 10:00:00,view,a,1,',
      '2024-05-01 10:00:00,view,a,1,1.5',
      '2024-05-01 10:00:00,view,a,1,9999999999',
      'never,buy,a,-1,x',
      '2024-05-01 10:00:00,view,NA,1.100,17.0',
    ),
  );
  expect(brief(bad)).toEqual([
    ['2', 'at', 'yesterday', 'not a timestamp like %Y-%m-%d %H:%M:%S UTC or %Y-%m-%d %H:%M:%S'],
    ['4', 'kind', 'buy', 'not one of view|cart'],
    ['5', 'brand', 'aaaaaaaaaaaaaaaaaaaaa', 'too long: above 20 characters'],
    ['6', 'price', '-0.01', 'below minimum 0'],
    ['7', 'price', '1.005', 'more than 2 decimals'],
    ['8', 'price', 'cheap', 'not a number that fits DECIMAL(12,2)'],
    ['9', 'user', null, 'missing'],
    ['10', 'user', '1.5', 'not an integer'],
    ['11', 'user', '9999999999', 'not an integer that fits INTEGER'],
    ['12', 'at', 'never', 'not a timestamp like %Y-%m-%d %H:%M:%S UTC or %Y-%m-%d %H:%M:%S'],
  ]);
  expect(rows.map(({ line, user, brand, price }) => [line, user, brand, price])).toEqual([
    ['3', 7, 'acme', '9.99'],
    ['13', 17, null, '1.10'],
  ]);
  expect(outcome).toMatchObject({ rowsIn: 12, loaded: 2, quarantined: 10 });
});

test('ragged rows are told by their number of columns, and the rest of the file is read', async () => {
  const { outcome, bad, rows } = await bench.one(csv('1,2', GOOD, `${GOOD},more,and more`, 'lonely', `${GOOD},`));
  expect(brief(bad)).toEqual([
    ['2', null, '1,2', '2 columns instead of 5'],
    ['4', null, `${GOOD},more,and more`, '7 columns instead of 5'],
    ['5', null, 'lonely', '1 columns instead of 5'],
  ]);
  // A delimiter after the last field, with nothing behind it, is forgiven.
  expect(brands(rows)).toEqual([
    ['3', 'acme'],
    ['6', 'acme'],
  ]);
  expect(outcome).toMatchObject({ rowsIn: 5, loaded: 2, quarantined: 3 });
});

test('quotes may hold delimiters, quotes and line ends; lines stay physical lines', async () => {
  const quoted = (brand: string) => `2024-05-01 10:00:00,view,"${brand}",1,1`;
  const { rows, bad } = await bench.one(csv(quoted('a,b'), quoted('two\nlines'), quoted('say ""hi""'), 'x', GOOD));
  expect(brands(rows)).toEqual([
    ['2', 'a,b'],
    ['3', 'two\nlines'],
    ['5', 'say "hi"'],
    ['7', 'acme'],
  ]);
  expect(brief(bad)).toEqual([['6', null, 'x', '1 columns instead of 5']]);
});

test('a file that DuckDB reads without complaint still has its lines right', async () => {
  const { rows } = await bench.one(csv('2024-05-01 10:00:00,view,"two\nlines",1,1', GOOD));
  expect(brands(rows)).toEqual([
    ['2', 'two\nlines'],
    ['4', 'acme'],
  ]);
  expect((await bench.one(csv(GOOD, '', GOOD))).rows.map(({ line }) => line)).toEqual(['2', '4']);
});

test('a field above a megabyte is refused even where DuckDB would take it', async () => {
  const { outcome, bad } = await bench.one(csv(`2024-05-01 10:00:00,view,${'x'.repeat(1_100_000)},1,1`, GOOD), {
    source: { ...shop, contract: shop.contract.extend({ brand: z.string().meta({ sql: 'VARCHAR' }) }) },
  });
  expect(brief(bad).map(([line, , , reason]) => [line, reason])).toEqual([['2', 'too long']]);
  expect(outcome).toMatchObject({ rowsIn: 2, loaded: 1, quarantined: 1 });
});

test('a quote gone wrong costs its own line only', async () => {
  const { rows, bad, outcome } = await bench.one(
    csv(GOOD, '2024-05-01 10:00:00,view,"a" b,1,1', GOOD, '2024-05-01 10:00:00,view,"runaway,1,1', GOOD, GOOD),
  );
  expect(brief(bad)).toEqual([
    ['3', 'brand', '"a" b,1,1', 'text after a closing quote'],
    ['5', 'brand', '"runaway,1,1', 'unterminated quote'],
  ]);
  expect(rows.map(({ line }) => line)).toEqual(['2', '4', '6', '7']);
  expect(outcome).toMatchObject({ rowsIn: 6, loaded: 4, quarantined: 2 });
});

test('blank lines are no rows, and do not shift the lines after them', async () => {
  const { rows, outcome } = await bench.one(`\n${HEADER}\n\n${GOOD}\n\n\n${GOOD}\n\n`);
  expect(rows.map(({ line }) => line)).toEqual(['4', '7']);
  expect(outcome).toMatchObject({ rowsIn: 2, loaded: 2 });
});

for (const [what, end] of Object.entries({ CRLF: '\r\n', 'lone CR': '\r', 'no final line end': '' }))
  test(`line ends: ${what}`, async () => {
    const text = end === '' ? `${HEADER}\n${GOOD}\n${GOOD}` : `${HEADER}${end}${GOOD}${end}${GOOD}${end}`;
    const { rows, outcome } = await bench.one(text);
    expect(outcome).toMatchObject({ rowsIn: 2, loaded: 2, quarantined: 0 });
    expect(rows.map(({ line, user }) => [line, user])).toEqual([
      ['2', 7],
      ['3', 7],
    ]);
  });

test('a carriage return inside a field stays in it', async () => {
  const { rows } = await bench.one(csv('2024-05-01 10:00:00,view,a\rb,1,1', GOOD));
  expect(brands(rows)).toEqual([
    ['2', 'a\rb'],
    ['3', 'acme'],
  ]);
});

const accented = csv('2024-05-01 10:00:00,view,Café £,1,1');
const swapped = Buffer.from(`\ufeff${accented}`, 'utf16le').swap16();
for (const [what, [bytes, says]] of Object.entries({
  'UTF-8': [Buffer.from(accented), ''],
  'UTF-8 with a byte order mark': [Buffer.from(`\ufeff${accented}`), ''],
  'UTF-16 little endian': [Buffer.from(`\ufeff${accented}`, 'utf16le'), 'read as UTF-16LE'],
  'UTF-16 big endian': [swapped, 'read as UTF-16BE'],
  'Latin-1': [Buffer.from(accented, 'latin1'), 'not UTF-8: read as Latin-1'],
  gzip: [gzipSync(accented), ''],
  'gzip in two members': [Buffer.concat([gzipSync(accented.slice(0, 40)), gzipSync(accented.slice(40))]), ''],
} as Record<string, [Buffer, string]>))
  test(`encoding: ${what}`, async () => {
    const { rows, outcome } = await bench.one(bytes);
    expect(outcome).toMatchObject({ rowsIn: 1, loaded: 1, reason: says });
    expect(brands(rows)).toEqual([['2', 'Café £']]);
  });

test('damaged UTF-8 costs its own row', async () => {
  const bytes = Buffer.from(csv('2024-05-01 10:00:00,view,Café,1,1', '2024-05-01 10:00:00,view,X,1,1', GOOD));
  bytes[bytes.indexOf('X')] = 0xff;
  const { rows, bad } = await bench.one(bytes);
  expect(brief(bad)).toEqual([['3', 'brand', '\ufffd', 'invalid UTF-8']]);
  expect(brands(rows)).toEqual([
    ['2', 'Café'],
    ['4', 'acme'],
  ]);
});

test('huge fields are quarantined, on one line or many, and cost no memory', async () => {
  const big = 'x'.repeat(1_100_000);
  const lines = `${'y'.repeat(999)}\n`.repeat(1_100);
  const endless = 'z'.repeat(9_000_000);
  const { bad, outcome, rows } = await bench.one(
    csv(`2024-05-01 10:00:00,view,${big},1,1`, GOOD, `2024-05-01 10:00:00,view,"${lines}",1,1`, GOOD, endless, GOOD),
  );
  expect(bad.map(({ line, reason, value }) => [line, reason, String(value).length])).toEqual([
    ['2', 'too long', 200],
    ['4', 'too long', 200],
    ['1106', 'too long', 200],
  ]);
  expect(rows.map(({ line }) => line)).toEqual(['3', '1105', '1107']);
  expect(outcome).toMatchObject({ rowsIn: 6, loaded: 3, quarantined: 3 });
});

test('a quote that runs away for megabytes gives up its own line only', async () => {
  const { outcome } = await bench.one(csv('2024-05-01 10:00:00,view,"run,1,1', ...Array<string>(120_000).fill(GOOD)));
  expect(outcome).toMatchObject({ rowsIn: 120_001, loaded: 120_000, quarantined: 1 });
});

test('empty and header-only files are loaded with no rows, and say so', async () => {
  const { outcomes, ledger } = await bench.all({
    'a.csv': '',
    'b.csv': `${HEADER}\n`,
    'c.csv': HEADER,
    'd.csv': gzipSync(''),
  });
  expect(outcomes.map(({ status, rowsIn, reason }) => [status, rowsIn, reason])).toEqual([
    ['loaded', 0, 'empty file'],
    ['loaded', 0, 'header only'],
    ['loaded', 0, 'header only'],
    ['loaded', 0, 'empty file'],
  ]);
  expect(ledger.map(({ days }) => days)).toEqual([[], [], [], []]);
});

test('columns may stand in another order and case; what is left over is named', async () => {
  const { rows, outcome } = await bench.one(
    'USER,note,Price,brand,KIND, At \n7,hello,9.99,acme,view,2024-05-01 10:00:00\n',
  );
  expect(rows[0]).toMatchObject({ at: '2024-05-01 10:00:00', kind: 'view', brand: 'acme', price: '9.99', user: 7 });
  expect(outcome.reason).toBe('columns left out: note');
});

test('a header without a required column refuses the file whole, counts its rows and names it', async () => {
  const { outcome, bad, rows } = await bench.one('at,kind,brand,user\n1,2,3,4\nx\n"un\nterminated');
  expect(outcome).toMatchObject({ status: 'refused', rowsIn: 4, loaded: 0, quarantined: 4 });
  expect(outcome.reason).toMatch(/^the header lacks price \[contract [0-9a-f]{8}\]$/);
  expect(brief(bad)).toEqual([[null, 'price', null, 'the header lacks price']]);
  expect(rows).toEqual([]);
});

test('a header with a column twice refuses the file', async () => {
  const { outcome } = await bench.one(`${HEADER},Price\n${GOOD},1\n`);
  expect(outcome).toMatchObject({ status: 'refused', rowsIn: 1, quarantined: 1 });
  expect(outcome.reason).toMatch(/the header has price twice/);
});

test('semicolons, tabs and a given delimiter', async () => {
  for (const [text, over] of [
    [csv(GOOD).replaceAll(',', ';'), {}],
    [csv(GOOD).replaceAll(',', '\t'), {}],
    [csv(GOOD).replaceAll(',', '~'), { delimiter: '~' }],
  ] as const)
    expect((await bench.one(text, over)).rows[0]).toMatchObject({ brand: 'acme', user: 7 });
});

test('a file with too many bad rows is refused whole; the quarantine keeps the evidence', async () => {
  const text = csv(GOOD, GOOD, GOOD, 'bad,view,,1,1', 'x');
  const { outcome, bad, rows } = await bench.one(text, { source: { ...shop, refuseAbove: 0.2 } });
  expect(outcome).toMatchObject({ status: 'refused', rowsIn: 5, loaded: 0, quarantined: 5 });
  expect(outcome.reason).toMatch(/^40.0 % of 5 rows are bad, more than 20.0 % \[contract/);
  expect(rows).toEqual([]);
  expect(bad.map(({ line, reason }) => [line, String(reason).slice(0, 9)])).toEqual([
    ['5', 'not a tim'],
    ['6', '1 columns'],
  ]);
  expect((await bench.one(text, { source: { ...shop, refuseAbove: 0.4 } })).outcome.status).toBe('loaded');
});

test('the evidence of a refused file is bounded, the quarantine of a loaded one is not', async () => {
  const text = csv(...Array<string>(1_500).fill('bad,view,,1,1'));
  expect((await bench.one(text, { source: { ...shop, refuseAbove: 0.2 } })).bad).toHaveLength(1_000);
  expect((await bench.one(text)).bad).toHaveLength(1_500);
});

test('a cut gzip stream refuses its file and leaves the others alone', async () => {
  const packed = gzipSync(csv(...Array<string>(2_000).fill(GOOD)));
  const { outcomes, rows } = await bench.all({ 'cut.gz': packed.subarray(0, 60), 'good.csv': csv(GOOD) });
  expect(outcomes.map(({ status }) => status)).toEqual(['refused', 'loaded']);
  expect(outcomes[0]?.reason).toMatch(/cannot be read: unexpected end of file/);
  expect(rows).toHaveLength(1);
});

test('a file that unpacks without end is refused', async () => {
  const { outcome } = await bench.one(gzipSync(Buffer.alloc(5_000_000, 65)), { unpackedLimit: 1_000_000 });
  expect(outcome).toMatchObject({ status: 'refused', rowsIn: 0 });
  expect(outcome.reason).toMatch(/unpacks to more than 1000000 bytes/);
});

test('an aborted reading stops and leaves no scratch behind', async () => {
  const control = new AbortController();
  control.abort(new Error('stop'));
  const watch = { signal: control.signal };
  const { readFiles } = await import('../../../adapters/duckdb/read-files.ts');
  const target = { rows: '', together: [], quarantine: '', files: '' };
  const file = { path: `${bench.folder}/one.csv`, name: 'one.csv', fileId: 'a', version: 1, bytes: 1 };
  const request = { source: shop, files: [file], knownAt: '2024-06-01', work: `${bench.folder}/aborted`, target };
  await expect(readFiles(bench.db, request, watch)).rejects.toThrow('stop');
  expect(await bench.db.number(`select count(*) from glob('${bench.folder}/aborted/**')`)).toBe(0);
});
