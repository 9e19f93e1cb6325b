// The generator's files: same seed same bytes, the exact row count, faults counted to the row, foreign folders refused.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GenerateOptions, generateEvents } from '../../activities/generate.ts';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { parseFaults } from '../../cli/commands/generate.ts';

const DAYS = 24;
const ROWS = 20_000;
let folder: string;
let db: DuckDb;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'generate-'));
  db = await DuckDb.open({ threads: 2, memoryLimit: '1GB', tempDirectory: path.join(folder, 'spill') });
  await make('one', { threads: 1 });
}, 60_000);
afterAll(async () => {
  db.close();
  await rm(folder, { recursive: true, force: true });
});

const make = (name: string, options: Partial<GenerateOptions> = {}) =>
  generateEvents({ rows: ROWS, days: DAYS, out: path.join(folder, name), ...options });

const digests = async (name: string): Promise<Record<string, string>> => {
  const root = path.join(folder, name);
  const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const pairs = files.map(async (entry): Promise<[string, string]> => {
    const file = path.join(entry.parentPath, entry.name);
    return [
      path.relative(root, file),
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    ];
  });
  return Object.fromEntries(await Promise.all(pairs));
};

const lines = async (name: string): Promise<number> => {
  const root = path.join(folder, name);
  const files = (await readdir(root)).filter((file) => file.startsWith('events-'));
  const texts = await Promise.all(files.map((file) => readFile(path.join(root, file), 'utf8')));
  return texts.reduce((total, text) => total + text.split('\n').length - 2, 0);
};

describe('bytes', () => {
  it('are the same for 1 and 2 threads, truth included, and others for another seed', async () => {
    await make('two', { threads: 2 });
    await make('other', { threads: 2, seed: 43 });
    const [one, two, other] = await Promise.all(['one', 'two', 'other'].map(digests));
    expect(two).toEqual(one);
    expect(Object.keys(one ?? {}).filter((file) => file.startsWith('events-'))).toHaveLength(DAYS);
    expect(other?.['events-2019-07-10.csv']).not.toBe(one?.['events-2019-07-10.csv']);
  }, 30_000);

  it('are the same for 1 and 2 threads in Parquet, with the rows in the types of the contract', async () => {
    await make('p1', { threads: 1, format: 'parquet' });
    await make('p2', { threads: 2, format: 'parquet' });
    expect(await digests('p2')).toEqual(await digests('p1'));
    const files = `'${folder}/p1/events-*.parquet'`;
    expect(await db.number(`select count(*) from ${files}`)).toBe(ROWS);
    const types = await db.rows(`select column_name, column_type from (describe from ${files})`);
    expect(types.map((row) => row.column_type)).toEqual([
      'TIMESTAMP',
      'VARCHAR',
      'INTEGER',
      'BIGINT',
      'VARCHAR',
      'VARCHAR',
      'DECIMAL(12,2)',
      'INTEGER',
      'VARCHAR',
    ]);
  }, 30_000);

  it('are text as in the public data set, sorted by time, exactly as many rows as asked, zipped or not', async () => {
    await make('zipped', { format: 'csv.gz' });
    const text = await readFile(path.join(folder, 'one/events-2019-07-05.csv'), 'utf8');
    const [header, ...rows] = text.trimEnd().split('\n');
    expect(header).toBe('event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session');
    for (const row of rows.slice(0, 50))
      expect(row).toMatch(
        /^2019-07-05 \d\d:\d\d:\d\d UTC,(view|cart|remove_from_cart|purchase),\d+,\d{19},[a-z_.]*,[a-z]*,\d+\.\d\d,\d+,([0-9a-f-]{36})?$/,
      );
    const times = rows.map((row) => row.slice(0, 19));
    expect(times).toEqual([...times].sort());
    expect(await lines('one')).toBe(ROWS);
    const zipped = gunzipSync(await readFile(path.join(folder, 'zipped/events-2019-07-05.csv.gz')));
    expect(zipped.toString()).toBe(text);
  }, 30_000);
});

describe('faults', () => {
  const asked = { malformed: 0.02, duplicates: 0.03, late: 0.04, drift: '2019-07-20' };

  it('are counted to the row: good rows stay whole, each fault is where the truth says', async () => {
    const { rows, truth } = await make('faulty', { faults: asked });
    const document = JSON.parse(await readFile(truth.document, 'utf8'));
    const { rowsIn, bad, duplicates, late } = document.ingest;
    expect(rows).toBe(ROWS);
    expect(rowsIn).toBe(ROWS + bad + duplicates);
    expect(await lines('faulty')).toBe(rowsIn);
    for (const [count, share] of [
      [bad, 0.02],
      [duplicates, 0.03],
      [late, 0.04],
    ] as const)
      expect(Math.abs(count / ROWS - share)).toBeLessThan(4 * Math.sqrt(share / ROWS) + 0.003);
    const kinds = await db.rows(
      `select kind, count(*)::integer as n from '${truth.faults}' where fault = 'malformed' group by kind`,
    );
    expect(kinds).toHaveLength(6);
    await expectLines(String(truth.faults));
  }, 30_000);

  /** Every listed line is broken, and no other is. */
  const expectLines = async (file: string): Promise<void> => {
    const listed = await db.rows(`select file_name, line::integer as line from '${file}' where fault = 'malformed'`);
    const broken = new Set(listed.map((row) => `${row.file_name}:${row.line}`));
    const good =
      /^2019-\d\d-\d\d \d\d:\d\d:\d\d UTC,(view|cart|remove_from_cart|purchase),\d+,\d+,[^,]*,[^,]*,\d+\.\d\d,\d+,[^,]*$/;
    const root = path.join(folder, 'faulty');
    for (const name of (await readdir(root)).filter((found) => found.startsWith('events-'))) {
      const text = await readFile(path.join(root, name), 'utf8');
      const rows = text.trimEnd().split('\n').slice(1);
      const wrong = rows.flatMap((row, at) =>
        (good.test(row) && !row.startsWith('2019-13')) === broken.has(`${name}:${at + 2}`)
          ? [`${name}:${at + 2} ${row}`]
          : [],
      );
      expect(wrong).toEqual([]);
    }
  };

  it('leave the good rows of the same seed untouched', async () => {
    await make('calm', { faults: { drift: asked.drift } });
    const read = (name: string): string =>
      `select distinct * from read_csv('${folder}/${name}/events-*.csv', all_varchar = true, ignore_errors = true, null_padding = false)`;
    expect(await db.number(`select count(*) from (${read('calm')} except ${read('faulty')})`)).toBe(0);
    const late = await db.number(
      `select count(*) from read_csv('${folder}/faulty/events-*.csv', all_varchar = true, ignore_errors = true, filename = true) f
       semi join (${read('calm')}) c using (event_time, user_id, event_type, product_id)
       where filename not like '%' || left(event_time, 10) || '%'`,
    );
    expect(late).toBeGreaterThan(ROWS * 0.03);
  }, 30_000);

  it('in Parquet stay within its types', async () => {
    const { truth } = await make('faulty-parquet', { faults: { malformed: 0.02 }, format: 'parquet' });
    const broken = await db.number(
      `select count(*) from '${folder}/faulty-parquet/events-*.parquet' where event_type = 'veiw' or price < 0 or user_id is null`,
    );
    expect(JSON.parse(await readFile(truth.document, 'utf8')).ingest.bad).toBe(broken);
  }, 30_000);
});

describe('the door', () => {
  it('refuses a folder with other event files, and options that are not', async () => {
    await make('mine', { rows: 1_000, days: 10 });
    await expect(make('mine', { rows: 1_000, days: 5 })).rejects.toThrow(/days/);
    await expect(make('mine', { rows: 1_000, days: 8 })).rejects.toThrow(/another run.*events-2019-07-1/);
    await writeFile(path.join(folder, 'mine', 'notes.txt'), 'kept');
    await expect(make('mine', { rows: 1_000, days: 10 })).resolves.toMatchObject({ rows: 1_000, files: 10 });
    await expect(make('bad', { faults: { late: 2 } })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  }, 30_000);

  it('stops when told to and leaves no truth.json', async () => {
    const stop = new AbortController();
    const options = { rows: ROWS, days: DAYS, out: path.join(folder, 'stopped') };
    const run = generateEvents(options, { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
    await expect(run).rejects.toThrow();
    expect(await readdir(path.join(folder, 'stopped', 'truth'))).toEqual([]);
  }, 30_000);

  it('fails as a whole when one file cannot be written, whichever lane it falls to', async () => {
    const out = path.join(folder, 'blocked');
    await mkdir(path.join(out, 'events-2019-07-12.csv'), { recursive: true });
    await expect(generateEvents({ rows: ROWS, days: DAYS, out, threads: 3 })).rejects.toThrow(/events-2019-07-12/);
    expect(await readdir(path.join(out, 'truth'))).toEqual([]);
  }, 30_000);

  it('reads faults from the command line', () => {
    expect(parseFaults('malformed=0.01,drift=2019-10-01')).toEqual({ malformed: 0.01, drift: '2019-10-01' });
    expect(parseFaults('late').late).toBeNaN();
  });
});
