// The log file of each part: opened for appending, turned over when large, its end shown when something fails. For the stack.
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const turnOverBytes = 16 * 1024 * 1024;

/** Where a part's output goes. */
export const logFile = (home: string, part: string): string => join(home, 'logs', `${part}.log`);

/** Opens a log for appending; a large one is first put aside as `<name>.1`. The caller closes it. */
export const openLog = async (file: string) => {
  await mkdir(dirname(file), { recursive: true });
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > turnOverBytes) await rename(file, `${file}.1`);
  return open(file, 'a', 0o640);
};

/** The last lines of a log, at most; empty where there is none. */
export const tail = async (file: string, lines: number): Promise<string[]> => {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return [];
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, 64 * 1024);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trimEnd().split('\n').slice(-lines);
  } finally {
    await handle.close();
  }
};
