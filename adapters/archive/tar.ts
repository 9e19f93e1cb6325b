// Unpacks a tar archive (plain or gzip) into a folder, entry by entry in bounded memory, trusting nothing it says. For ingestion.
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { PerennialError } from '../../core/errors.ts';
import { BLOCK, type Entry, Headers } from './tar-header.ts';

export interface TarLimits {
  /** Bytes all entries may come to. */
  readonly bytes: number;
  readonly entries: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Unpacked {
  /** Names of the files, as the archive has them. */
  readonly names: readonly string[];
  /** Links, devices and names that lead out of the folder; never unpacked. */
  readonly passedOver: readonly string[];
}

const CHUNK = 1 << 20;
const GZIP = Buffer.from([0x1f, 0x8b]);

/** Whether the file is a tar archive, by its first block, not by its name. */
export const isTar = async (path: string): Promise<boolean> => {
  const bytes = new Bytes(chunksOf(path));
  try {
    const block = await bytes.take(BLOCK);
    return block.length === BLOCK && Headers.looksRight(block);
  } catch {
    // What cannot even be unzipped is no archive; the reader of single files says what is wrong with it.
    return false;
  } finally {
    await bytes.close();
  }
};

/** Throws `FILE_REFUSED` where the archive is cut, damaged or beyond the limits; the folder may be half filled then. */
export const unpackTar = async (path: string, folder: string, limits: TarLimits): Promise<Unpacked> => {
  const bytes = new Bytes(chunksOf(path));
  const [names, passedOver] = [[] as string[], [] as string[]];
  const headers = new Headers((size) => bytes.take(size));
  let total = 0;
  try {
    for (let entry = await headers.next(); entry !== undefined; entry = await headers.next()) {
      limits.signal?.throwIfAborted();
      total += entry.size;
      if (total > limits.bytes) throw new Error(`it unpacks to more than ${limits.bytes} bytes`);
      if (names.length >= limits.entries) throw new Error(`it holds more than ${limits.entries} files`);
      const target = entry.kind === 'file' ? safePath(folder, entry.name) : undefined;
      if (target !== undefined) names.push(entry.name);
      else if (entry.kind !== 'folder') passedOver.push(entry.name);
      await copyEntry(bytes, entry, target);
    }
    return { names, passedOver };
  } catch (cause) {
    limits.signal?.throwIfAborted();
    if (cause instanceof Error && 'code' in cause && !String(cause.code).startsWith('Z_')) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PerennialError('FILE_REFUSED', `the archive cannot be unpacked: ${why}`, { field: path, cause });
  } finally {
    await bytes.close();
  }
};

/** A path inside the folder, or undefined where the name leads out of it. */
const safePath = (folder: string, name: string): string | undefined => {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  const strange = name.startsWith('/') || name.includes('\0') || name.includes('\\') || parts.includes('..');
  return strange || parts.length === 0 ? undefined : join(folder, ...parts);
};

const copyEntry = async (bytes: Bytes, { size, name }: Entry, target: string | undefined): Promise<void> => {
  let file: FileHandle | undefined;
  try {
    if (target !== undefined) {
      await mkdir(dirname(target), { recursive: true });
      file = await open(target, 'w', 0o600);
    }
    for (let left = size; left > 0; ) {
      const part = await bytes.some(left);
      if (part.length === 0) throw new Error(`it ends inside ${name}`);
      await file?.appendFile(part);
      left -= part.length;
    }
    await bytes.take((BLOCK - (size % BLOCK)) % BLOCK);
  } finally {
    await file?.close();
  }
};

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: CHUNK });
  const plain = createGunzip({ chunkSize: CHUNK });
  file.on('error', (error) => plain.destroy(error));
  try {
    const probe = await open(path);
    const { buffer } = await probe.read(Buffer.alloc(2), 0, 2, 0).finally(() => probe.close());
    yield* buffer.equals(GZIP) ? file.pipe(plain) : file;
  } finally {
    file.destroy();
    plain.destroy();
  }
}

/** Takes exact amounts from a stream of chunks. */
class Bytes {
  private readonly chunks: AsyncGenerator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncGenerator<Buffer>) {
    this.chunks = chunks;
  }

  /** At most `most` bytes, whatever is at hand; none at the end. */
  async some(most: number): Promise<Buffer> {
    if (this.rest.length === 0) {
      const next = await this.chunks.next();
      if (next.done) return Buffer.alloc(0);
      this.rest = next.value;
    }
    const part = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(part.length);
    return part;
  }

  /** Exactly `size` bytes, or less at the end. */
  async take(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let left = size;
    while (left > 0) {
      const part = await this.some(left);
      if (part.length === 0) break;
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  async close(): Promise<void> {
    await this.chunks.return(undefined);
  }
}
