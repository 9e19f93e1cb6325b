// Reads a chunk of files of one source into Parquet files: accepted rows, quarantined rows, and the ledger's rows.
// For ingestion; it knows nothing of the lake. Every row of every file is either loaded or quarantined, and counted once.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { columnsOf, contractHash } from '../../core/contract.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Source } from '../../core/source.ts';
import { literal, type SqlSession } from '../../core/sql.ts';
import { compileChecks } from './read-checks.ts';
import { type CsvOptions, readCsv } from './read-csv.ts';
import { readParquet } from './read-parquet.ts';
import type { TextProfile } from './read-profile.ts';
import type { FileAt, ReadFile } from './read-staging.ts';
import { fileKind } from './read-text.ts';
import { allEnded, readTogether, type Waiting } from './read-together.ts';
import { stagedFiles, type Target, writeChunk } from './read-write.ts';

/** Raise when the same bytes under the same contract come to other rows. */
export const READER_VERSION = 1;

export interface FileToRead {
  readonly path: string;
  /** What the ledger calls it. */
  readonly name: string;
  /** sha256 of its bytes. */
  readonly fileId: string;
  readonly version: number;
  readonly bytes: number;
  /** What its bytes are like, where somebody has looked already. */
  readonly profile?: TextProfile | undefined;
}

export interface ReadRequest {
  readonly source: Source;
  readonly files: readonly FileToRead[];
  /** ISO time. */
  readonly knownAt: string;
  /** Scratch folder of this reading alone; made, filled and removed again. */
  readonly work: string;
  /** Where the Parquet files go. */
  readonly target: Target;
  /** Field separator; default: found out by each header. */
  readonly delimiter?: string;
  /** Bytes that one packed file may unpack to. Default 64 GiB. */
  readonly unpackedLimit?: number;
}

/** A file's account: `rowsIn = loaded + quarantined`. */
export interface FileOutcome extends FileToRead {
  readonly rowsIn: number;
  readonly loaded: number;
  readonly quarantined: number;
  readonly status: 'loaded' | 'refused';
  readonly reason: string;
}

export interface ReadChunk {
  readonly outcomes: readonly FileOutcome[];
  /** Those of the target's files that hold rows. */
  readonly rows: readonly string[];
}

export interface Watch {
  readonly onProgress?: (progress: { stage: string; done: number; total: number; unit: string }) => void;
  readonly signal?: AbortSignal;
}

/** A file as read, before and after its bad rows were counted. */
export interface Held extends FileAt {
  readonly file: FileToRead;
  readonly read: ReadFile;
}

const UNPACKED_LIMIT = 64 * 2 ** 30;

/** Files below this many bytes keep one core busy and no second. */
const SMALL = 64 * 2 ** 20;

/** `beside`: further connections to the same instance, so that as many small files are read at once, each on one core. */
export const readFiles = async (
  db: SqlSession,
  request: ReadRequest,
  watch: Watch = {},
  beside: readonly SqlSession[] = [],
): Promise<ReadChunk> => {
  const columns = columnsOf(request.source);
  const checks = compileChecks(columns);
  const options: CsvOptions = {
    columns,
    checks,
    delimiter: request.delimiter,
    unpackedLimit: request.unpackedLimit ?? UNPACKED_LIMIT,
    signal: watch.signal,
  };
  await mkdir(request.work, { recursive: true });
  try {
    const { held, written, apart } = await onCores(db, request.files, beside.length, (small) =>
      holdAll([db, ...beside], request, options, watch, small),
    );
    const outcomes = await judge(db, request.source, held);
    const rows = await writeChunk(db, { ...request, columns, rules: checks.rules, held, outcomes, written, apart });
    return { outcomes, rows };
  } finally {
    await rm(request.work, { recursive: true, force: true });
  }
};

/** Small files side by side take one thread each: more threads than cores were measured to cost a fifth. */
const onCores = async <T>(
  db: SqlSession,
  files: readonly FileToRead[],
  beside: number,
  read: (small: boolean) => Promise<T>,
) => {
  if (files.some(({ bytes }) => bytes > SMALL)) return read(false);
  if (beside === 0) return read(true);
  const threads = await db.number(`select current_setting('threads')`);
  await db.run('set threads = 1');
  try {
    return await read(true);
  } finally {
    await db.run(`set threads = ${threads}`);
  }
};

const holdAll = async (
  lanes: readonly SqlSession[],
  request: ReadRequest,
  options: CsvOptions,
  watch: Watch,
  small: boolean,
): Promise<{ held: Held[]; written: readonly string[]; apart: boolean }> => {
  const { files, work, target } = request;
  const all = files.map((file, ordinal) => {
    const { path, profile } = file;
    return { path, profile, ordinal, folder: join(work, String(ordinal)), file };
  });
  const shares = target.together.flatMap((rows, i) => (lanes[i] ? [{ db: lanes[i], rows }] : []));
  const clean = await readTogether(small ? shares : [], all, { ...request, options }, watch);
  const done = new Set(clean.held.map(({ ordinal }) => ordinal));
  const rest = all.filter(({ ordinal }) => !done.has(ordinal));
  const held = [...clean.held, ...(await readApart(lanes, rest, options, watch))];
  watch.onProgress?.({ stage: 'write', done: 1, total: 1, unit: 'chunk' });
  return { held: held.sort((a, b) => a.ordinal - b.ordinal), written: clean.rows, apart: rest.length > 0 };
};

/** One file at a time on each connection. */
const readApart = async (
  lanes: readonly SqlSession[],
  files: readonly Waiting[],
  options: CsvOptions,
  watch: Watch,
): Promise<Held[]> => {
  const held: Held[] = [];
  const waiting = files.values();
  const total = files.reduce((sum, { file }) => sum + file.bytes, 0);
  let done = 0;
  const readOnes = async (db: SqlSession) => {
    for (const at of waiting) {
      watch.signal?.throwIfAborted();
      watch.onProgress?.({ stage: `read ${at.file.name}`, done, total, unit: 'bytes' });
      await mkdir(at.folder);
      held.push({ ...at, read: await readOne(db, at, options) });
      done += at.file.bytes;
    }
  };
  await allEnded(lanes.map(readOnes));
  return held;
};

/** A file that cannot be opened as what it says it is (a cut gzip stream, a mutilated Parquet footer) is refused, not fatal. */
const readOne = async (db: SqlSession, at: FileAt, options: CsvOptions): Promise<ReadFile> => {
  let format = 'text';
  try {
    const kind = await fileKind(at.path);
    format = kind.format;
    return kind.format === 'parquet' ? await readParquet(db, at, options) : await readCsv(db, at, kind, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof Error) || !isFilesFault(error, format)) throw error;
    const refusal = `it cannot be read: ${(error.message.split('\n')[0] ?? '').replaceAll(at.path, 'the file').slice(0, 160)}`;
    return { rows: 0, rejected: 0, notes: [], refusal };
  }
};

const PACKED_WRONG = ['Z_DATA_ERROR', 'Z_BUF_ERROR', 'Z_NEED_DICT'];
/** What a machine runs into, whatever the file. */
const MACHINES_FAULT =
  /out of memory|no space left|could not (write|allocate)|permission denied|no such file|too many open|interrupt/i;

const isFilesFault = (error: Error, format: string): boolean => {
  if ('code' in error) return PACKED_WRONG.includes(String(error.code));
  if (format === 'parquet') return !MACHINES_FAULT.test(error.message);
  return error.message.includes('unpacks to more than');
};

const judge = async (db: SqlSession, source: Source, held: readonly Held[]): Promise<FileOutcome[]> => {
  const staged = stagedFiles(held).map(literal);
  const counted =
    staged.length === 0
      ? []
      : await db.rows(`select file, count(*) filter (problem > 0) as bad, count(*) as rows
          from read_parquet([${staged.join(', ')}]) group by file`);
  const bad = new Map(counted.map((row) => [Number(row.file), Number(row.bad)]));
  return held.map(({ ordinal, file, read }) => {
    const quarantined = read.rejected + (bad.get(ordinal) ?? 0);
    const rowsIn = read.rows + read.rejected;
    const refusal = read.refusal ?? tooBad(source, quarantined, rowsIn);
    // The contract's mark lets a later delivery of the same bytes try again once the contract is mended.
    const refused = refusal === undefined ? [] : [`${refusal} ${contractMark(source)}`];
    const reason = [...refused, ...read.notes].join('; ');
    if (refusal !== undefined) return { ...file, rowsIn, loaded: 0, quarantined: rowsIn, status: 'refused', reason };
    return accounted({ ...file, rowsIn, loaded: rowsIn - quarantined, quarantined, status: 'loaded', reason });
  });
};

/** Stands in the ledger's reason of a refused file: under which contract it was refused. */
export const contractMark = (source: Source): string => `[contract ${contractHash(source).slice(0, 8)}]`;

const tooBad = ({ refuseAbove }: Source, bad: number, rows: number): string | undefined => {
  if (rows === 0 || bad / rows <= refuseAbove) return undefined;
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return `${percent(bad / rows)} of ${rows} rows are bad, more than ${percent(refuseAbove)}`;
};

const accounted = (outcome: FileOutcome): FileOutcome => {
  if (outcome.loaded >= 0 && outcome.quarantined >= 0) return outcome;
  throw new PerennialError('CONFLICT', 'a file has more bad rows than rows', {
    field: outcome.name,
    value: outcome.quarantined,
  });
};
