// A file's bytes as UTF-8 text, whatever it is packed and encoded in: gzip, UTF-16 with a byte order mark, Latin-1. For the CSV reader.
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

export interface FileKind {
  readonly format: 'parquet' | 'text';
  readonly gzip: boolean;
  readonly encoding: 'utf-8' | 'utf-16le' | 'utf-16be';
}

const CHUNK = 1 << 20;
const MAGIC = { gzip: Buffer.from([0x1f, 0x8b]), parquet: Buffer.from('PAR1') };
const MARKS = { 'utf-16le': Buffer.from([0xff, 0xfe]), 'utf-16be': Buffer.from([0xfe, 0xff]) };

/** By its first bytes, never by its name. */
export const fileKind = async (path: string): Promise<FileKind> => {
  const start = await firstBytes(path, 4);
  const gzip = start.subarray(0, 2).equals(MAGIC.gzip);
  const format = start.equals(MAGIC.parquet) ? 'parquet' : 'text';
  const inner = gzip ? await head(rawBytes(path, true), 4) : start;
  const marked = (['utf-16le', 'utf-16be'] as const).find((name) => inner.subarray(0, 2).equals(MARKS[name]));
  return { format, gzip, encoding: marked ?? 'utf-8' };
};

/** Text whose bytes can be read as they are. */
export const isPlain = ({ format, gzip, encoding }: FileKind): boolean =>
  format === 'text' && !gzip && encoding === 'utf-8';

/** The first `size` bytes of a text file as UTF-8 (or less, where it ends). */
export const headOfText = (path: string, kind: FileKind, size: number): Promise<Buffer> =>
  head(textBytes(path, kind), size);

/** Writes the text to `target` as plain UTF-8, in bounded memory; refuses to grow beyond `limit` bytes (a gzip bomb). */
export const spoolText = async (
  path: string,
  kind: FileKind | 'latin1',
  target: string,
  { limit, signal }: { limit: number; signal?: AbortSignal | undefined },
): Promise<void> => {
  const bytes = kind === 'latin1' ? latin1Bytes(path) : textBytes(path, kind);
  await pipeline(bounded(bytes, limit), createWriteStream(target, { highWaterMark: CHUNK }), signal ? { signal } : {});
};

const firstBytes = async (path: string, size: number): Promise<Buffer> => {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
};

async function* rawBytes(path: string, gzip: boolean): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: CHUNK });
  if (!gzip) {
    yield* file;
    return;
  }
  const plain = createGunzip({ chunkSize: CHUNK });
  // `pipe` does not carry errors over; a failed read must end the decompression too.
  file.on('error', (error) => plain.destroy(error));
  try {
    yield* file.pipe(plain);
  } finally {
    file.destroy();
    plain.destroy();
  }
}

async function* textBytes(path: string, { gzip, encoding }: FileKind): AsyncGenerator<Buffer> {
  const raw = rawBytes(path, gzip);
  if (encoding === 'utf-8') {
    yield* raw;
    return;
  }
  const decoder = new TextDecoder(encoding);
  for await (const chunk of raw) yield Buffer.from(decoder.decode(chunk, { stream: true }));
  yield Buffer.from(decoder.decode());
}

async function* latin1Bytes(path: string): AsyncGenerator<Buffer> {
  for await (const chunk of rawBytes(path, false)) yield Buffer.from(chunk.toString('latin1'));
}

async function* bounded(bytes: AsyncGenerator<Buffer>, limit: number): AsyncGenerator<Buffer> {
  let total = 0;
  for await (const chunk of bytes) {
    total += chunk.length;
    if (total > limit) throw new Error(`it unpacks to more than ${limit} bytes`);
    yield chunk;
  }
}

const head = async (bytes: AsyncGenerator<Buffer>, size: number): Promise<Buffer> => {
  const parts: Buffer[] = [];
  let total = 0;
  for await (const chunk of bytes) {
    parts.push(chunk);
    total += chunk.length;
    if (total >= size) break;
  }
  return Buffer.concat(parts).subarray(0, size);
};
