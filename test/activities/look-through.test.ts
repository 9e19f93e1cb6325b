// Discovery reads a file once, piece by piece: the same hash and the same account of its lines as from its bytes at one go.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lookThrough } from '../../activities/ingest/look-through.ts';
import { profileText } from '../../adapters/duckdb/read-profile.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'perennial-look-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const PIECE = 1 << 20;
const look = async (bytes: Buffer) => {
  const path = join(folder, 'file');
  await writeFile(path, bytes);
  const seen = await lookThrough(path);
  expect(seen.fileId).toBe(createHash('sha256').update(bytes).digest('hex'));
  return { ...seen, alone: await profileText(path, ','.charCodeAt(0)) };
};
/** `text` so that its first byte is the last of a piece. */
const across = (text: string, encoding: BufferEncoding = 'utf8') =>
  Buffer.concat([
    Buffer.alloc(PIECE - 1, 'a\n'),
    Buffer.from(text, encoding),
    Buffer.from('\n'),
    Buffer.alloc(3 * PIECE, 'b\n'),
  ]);

it.each([
  ['nothing', Buffer.alloc(0)],
  ['one line', Buffer.from('a,b')],
  ['a letter of two bytes across pieces', across('é')],
  ['Latin-1 across pieces', across('é', 'latin1')],
  ['a return and its feed across pieces', across('\r\n')],
  ['a lone return at the end of a piece', across('\rx')],
  ['a quote and a space across pieces', across('" "')],
  ['three pieces of one line', Buffer.alloc(3 * PIECE, 'x')],
  ['whole pieces', Buffer.alloc(2 * PIECE, 'ab\n')],
])('tells of %s what is told of it at one go', async (_, bytes) => {
  const { profile, alone } = await look(bytes);
  expect(profile).toEqual(alone);
});

it('trusts no spaced quotes, whichever delimiter the header will have', async () => {
  for (const delimiter of [',', ';', '\t', '|'])
    expect((await look(Buffer.from(`a${delimiter} "b"\n`))).profile?.spacedQuotes).toBe(true);
  expect((await look(Buffer.from('a,"b"\n'))).profile?.spacedQuotes).toBe(false);
});

it('tells nothing of the lines of what is no plain text', async () => {
  for (const bytes of [gzipSync('a,b\n1,2\n'), Buffer.from('PAR1…'), Buffer.from('\ufeffa,b\n', 'utf16le')])
    expect((await look(bytes)).profile).toBeUndefined();
});
