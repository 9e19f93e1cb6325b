// Reads a file once, from end to end: the hash that names it, and what its lines are like. For discovery.
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Profiler, type TextProfile } from '../../adapters/duckdb/read-profile.ts';
import { fileKind, isPlain } from '../../adapters/duckdb/read-text.ts';

export interface LookedThrough {
  /** sha256 of its bytes. */
  readonly fileId: string;
  /** Of plain text. */
  readonly profile?: TextProfile;
}

const PIECE = 1 << 20;

export const lookThrough = async (path: string, signal?: AbortSignal): Promise<LookedThrough> => {
  const profiler = isPlain(await fileKind(path)) ? new Profiler() : undefined;
  const hash = createHash('sha256');
  const file = await open(path);
  try {
    for await (const piece of piecesOf(file)) {
      signal?.throwIfAborted();
      hash.update(piece);
      profiler?.add(piece);
    }
  } finally {
    await file.close();
  }
  return { fileId: hash.digest('hex'), ...(profiler && { profile: profiler.end() }) };
};

/** The next piece is read while this one is gone through; fresh memory for each would cost as much as the reading. */
async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  let [room, other] = [Buffer.allocUnsafeSlow(PIECE), Buffer.allocUnsafeSlow(PIECE)];
  const read = (into: Buffer) => file.read(into, 0, PIECE);
  let reading = read(room);
  for (;;) {
    const { bytesRead } = await reading;
    if (bytesRead === 0) return;
    const piece = room.subarray(0, bytesRead);
    [room, other] = [other, room];
    reading = read(room);
    // Nobody awaits it where going through this piece fails.
    reading.catch(() => undefined);
    yield piece;
  }
}
