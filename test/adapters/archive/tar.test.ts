// Unpacking archives: long names, what tar itself makes, and what a hostile archive tries.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isTar, unpackTar } from '../../../adapters/archive/tar.ts';
import { entryOf, tarOf } from './tar-of.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perennial-tar-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const LIMITS = { bytes: 1 << 24, entries: 100 };
const unpack = async (bytes: Buffer, limits = LIMITS) => {
  const path = join(folder, 'x.tar');
  await writeFile(path, bytes);
  return unpackTar(path, join(folder, 'out'), limits);
};
const out = (name: string) => readFile(join(folder, 'out', name));

test('plain and gzipped archives, folders and files of any size', async () => {
  const big = Buffer.alloc(3_000_001, 'abc');
  const archive = Buffer.concat([
    entryOf('d/', '', { type: '5' }),
    tarOf({ 'd/a.csv': 'hello', 'b.bin': big, empty: '' }),
  ]);
  for (const bytes of [archive, gzipSync(archive)]) {
    expect(await unpack(bytes)).toEqual({ names: ['d/a.csv', 'b.bin', 'empty'], passedOver: [] });
    expect((await out('d/a.csv')).toString()).toBe('hello');
    expect((await out('b.bin')).equals(big)).toBe(true);
  }
});

test('long names by pax and by GNU', async () => {
  const long = `${'deep/'.repeat(30)}file.csv`;
  const record = ` path=${long}\n`;
  const length = record.length + 3;
  const pax = entryOf('PaxHeader', `${length}${record}`, { type: 'x' });
  const gnu = entryOf('././@LongLink', `${long}2\0`, { type: 'L' });
  const { names } = await unpack(Buffer.concat([pax, entryOf('short', '1'), gnu, tarOf({ short: '2' })]));
  expect(names).toEqual([long, `${long}2`]);
  expect((await out(`${long}2`)).toString()).toBe('2');
});

test('nothing leads out of the folder, and links are passed over', async () => {
  const hostile = Buffer.concat([
    entryOf('../evil', 'x'),
    entryOf('/etc/evil', 'x'),
    entryOf('a/../../evil', 'x'),
    entryOf('link', '', { type: '2' }),
    tarOf({ good: 'y' }),
  ]);
  const { names, passedOver } = await unpack(hostile);
  expect(names).toEqual(['good']);
  expect(passedOver).toEqual(['../evil', '/etc/evil', 'a/../../evil', 'link']);
  expect(await readdir(folder)).toEqual(['out', 'x.tar']);
});

test('cut, damaged and bottomless archives are refused', async () => {
  const archive = tarOf({ a: 'x'.repeat(2_000) });
  await expect(unpack(archive.subarray(0, 1_000))).rejects.toMatchObject({ code: 'FILE_REFUSED' });
  await expect(unpack(gzipSync(archive).subarray(0, 40))).rejects.toMatchObject({ code: 'FILE_REFUSED' });
  await expect(unpack(archive, { bytes: 100, entries: 9 })).rejects.toThrow(/more than 100 bytes/);
  await expect(unpack(tarOf({ a: '', b: '' }), { bytes: 100, entries: 1 })).rejects.toThrow(/more than 1 files/);
  await expect(unpack(entryOf('a', 'x', { size: 8 ** 10 }))).rejects.toThrow(/more than/);
});

test('an archive is told by its content', async () => {
  const path = join(folder, 'x');
  for (const [bytes, is] of [
    [tarOf({ a: '1' }), true],
    [gzipSync(tarOf({ a: '1' })), true],
    [Buffer.from('a,b\n1,2\n'), false],
    [gzipSync('a,b\n1,2\n'), false],
    [gzipSync('a,b').subarray(0, 12), false],
    [Buffer.alloc(2_000), false],
    [Buffer.alloc(0), false],
  ] as const) {
    await writeFile(path, bytes);
    expect(await isTar(path)).toBe(is);
  }
});

test('mutated archives are unpacked or refused, never worse', async () => {
  const archive = tarOf({ 'a.csv': 'hello\nworld\n', 'b/c.csv': 'x'.repeat(700) });
  const mutation = fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(mutation, async (changes) => {
      const bytes = Buffer.from(archive);
      for (const [at, byte] of changes) bytes[at] = byte;
      await rm(join(folder, 'out'), { recursive: true, force: true });
      try {
        await unpack(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'FILE_REFUSED' });
      }
      expect((await readdir(folder)).filter((name) => name !== 'out')).toEqual(['x.tar']);
    }),
    { numRuns: 150, seed: 7 },
  );
});
