// Reads one CSV file under a contract: by DuckDB alone where every record is one clean line, else by the exact reader first.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContractColumn } from '../../core/contract.ts';
import { literal, type SqlSession } from '../../core/sql.ts';
import type { Checks, Input } from './read-checks.ts';
import { type Fit, fitColumns, type Header, readHeader } from './read-header.ts';
import { profileText, type TextProfile } from './read-profile.ts';
import { LF } from './read-record.ts';
import { FIELD_LIMIT, type RecordsIn, rewriteRecords } from './read-records.ts';
import { FIRST_LINE, type FileAt, type ReadFile, stageRows } from './read-staging.ts';
import { type FileKind, headOfText, isPlain, spoolText } from './read-text.ts';

export interface CsvOptions {
  readonly columns: readonly ContractColumn[];
  readonly checks: Checks;
  /** Default: the one of `,` `;` tab `|` that finds most of the contract's columns in the header. */
  readonly delimiter?: string | undefined;
  /** Bytes a packed file may unpack to. */
  readonly unpackedLimit: number;
  readonly signal?: AbortSignal | undefined;
}

/** The longest header looked for. */
export const HEAD_BYTES = 1 << 20;
const PLAIN: FileKind = { format: 'text', gzip: false, encoding: 'utf-8' };

export const readCsv = async (db: SqlSession, file: FileAt, kind: FileKind, options: CsvOptions): Promise<ReadFile> => {
  const packed = !isPlain(kind);
  const path = packed ? join(file.folder, 'plain') : file.path;
  if (packed) await spoolText(file.path, kind, path, { limit: options.unpackedLimit, signal: options.signal });
  const notes = kind.encoding === 'utf-8' ? [] : [`read as ${kind.encoding.toUpperCase()}`];
  const read = await readPlain(db, packed ? { ...file, path, profile: undefined } : file, options);
  if (packed) await rm(path);
  return { ...read, notes: [...notes, ...read.notes] };
};

export interface Sheet {
  readonly header: Header;
  readonly fit: Fit;
  /** Why no row under this header can be taken. */
  readonly refusal: string | undefined;
  /** Whether DuckDB may try first: then a row's number tells its line. */
  readonly fast: boolean;
}

/** The header of a plain UTF-8 file, laid over the contract; undefined where there is none. */
export const sheetOf = async (path: string, options: CsvOptions): Promise<Sheet | undefined> => {
  const head = await headOfText(path, PLAIN, HEAD_BYTES);
  const header = readHeader(head, [options.columns.map(({ name }) => name)], options.delimiter);
  if (!header) return undefined;
  const fit = fitColumns(header.names, options.columns);
  const refusal = refusalOf(fit);
  const plain = header.bodyLine === FIRST_LINE && header.dialect.newline === LF && header.names.length > 1;
  return { header, fit, refusal, fast: plain && refusal === undefined };
};

const readPlain = async (db: SqlSession, file: FileAt, options: CsvOptions): Promise<ReadFile> => {
  const sheet = await sheetOf(file.path, options);
  if (!sheet) return { rows: 0, rejected: 0, notes: ['empty file'] };
  if (sheet.refusal !== undefined) return refused(file, sheet, sheet.refusal, options);
  const { profile, rows } = await fast(db, file, sheet, options);
  const target = join(file.folder, 'rows.parquet');
  const read =
    rows === undefined ? await exact(db, file, sheet, profile, options) : { staged: target, rows, rejected: 0 };
  return { ...read, notes: notesOf(sheet, profile, read.rows + read.rejected) };
};

const refusalOf = ({ missing, twice }: Fit): string | undefined => {
  if (twice.length > 0) return `the header has ${twice.join(', ')} twice`;
  return missing.length > 0 ? `the header lacks ${missing.join(', ')}` : undefined;
};

/** Its rows are counted, so that the ledger accounts for them. */
const refused = async (
  file: FileAt,
  { header, fit }: Sheet,
  refusal: string,
  options: CsvOptions,
): Promise<ReadFile> => {
  const counted = await rewriteRecords(recordsIn(file, header, false), { signal: options.signal });
  const missing = fit.missing[0] ?? fit.twice[0];
  const rejected = counted.accepted + counted.rejected;
  return { rows: 0, rejected, notes: [], refusal, ...(missing === undefined ? {} : { missing }) };
};

/** What the ledger says of a file that was read. */
export const notesOf = ({ fit }: Sheet, { encoding }: TextProfile, rows: number): string[] => [
  ...(rows === 0 ? ['header only'] : []),
  ...(encoding === 'latin-1' ? ['not UTF-8: read as Latin-1'] : []),
  ...(fit.extra.length > 0 ? [`columns left out: ${fit.extra.slice(0, 10).join(', ')}`] : []),
  ...(fit.absent.length > 0 ? [`columns absent, taken as null: ${fit.absent.join(', ')}`] : []),
];

/**
 * DuckDB reads while the profile is taken. Its result counts only where it found exactly one record per physical line: then no record
 * spans lines, no line is blank, and a row's number tells its line.
 */
const fast = async (
  db: SqlSession,
  file: FileAt,
  sheet: Sheet,
  options: CsvOptions,
): Promise<{ profile: TextProfile; rows: number | undefined }> => {
  const [profile, rows] = await Promise.all([
    profileOf(file, sheet, options),
    sheet.fast ? attempt(db, file, sheet, options) : undefined,
  ]);
  options.signal?.throwIfAborted();
  return { profile, rows: isTrusted(profile, rows) ? rows : undefined };
};

/** What discovery found, unless the delimiter is one that it did not think of. */
export const profileOf = async (
  { path, profile }: Pick<FileAt, 'path' | 'profile'>,
  { header }: Sheet,
  { delimiter, signal }: CsvOptions,
): Promise<TextProfile> =>
  profile && delimiter === undefined ? profile : profileText(path, header.dialect.delimiter, signal);

/** Whether DuckDB's reading of so many rows is what the exact reader would read. */
export const isTrusted = (profile: TextProfile, rows: number | undefined): boolean =>
  profile.encoding === 'utf-8' &&
  profile.loneReturns === 0 &&
  !profile.spacedQuotes &&
  profile.longest <= FIELD_LIMIT &&
  rows === profile.lines - 1;

/** Rows, or undefined where DuckDB stumbles: the exact reader says over what. */
const attempt = async (
  db: SqlSession,
  file: FileAt,
  { header, fit }: Sheet,
  options: CsvOptions,
): Promise<number | undefined> => {
  const names = header.names.map((_, i) => `c${i}`);
  const relation = csvSql([file.path], names, header.dialect.delimiter, 'skip = 1');
  const select = options.checks.select(relation, textInputs(fit), 'null::bigint');
  try {
    return await stageRows(db, select, file, join(file.folder, 'rows.parquet'));
  } catch (error) {
    if (isCsvError(error)) return undefined;
    throw error;
  }
};

export const isCsvError = (error: unknown): boolean =>
  error instanceof Error && /CSV Error|CSV Parser|CSV File/i.test(error.message);

const exact = async (
  db: SqlSession,
  file: FileAt,
  { header, fit }: Sheet,
  profile: TextProfile,
  options: CsvOptions,
) => {
  const latin1 = profile.encoding === 'latin-1';
  const path = latin1 ? join(file.folder, 'utf8') : file.path;
  if (latin1) await spoolText(file.path, 'latin1', path, { limit: options.unpackedLimit, signal: options.signal });
  const source = { ...file, path };
  const [accepted, rejected] = [join(file.folder, 'accepted.csv'), join(file.folder, 'rejected.csv')];
  const records = recordsIn(source, header, profile.encoding === 'broken utf-8');
  const out = await rewriteRecords(records, { accepted, rejected, signal: options.signal });
  const rows = await stageAccepted(db, file, { header, fit }, { path: accepted, ...out }, options);
  await Promise.all([rm(accepted), ...(latin1 ? [rm(path)] : [])]);
  return { staged: join(file.folder, 'rows.parquet'), rejects: rejected, rows, rejected: out.rejected };
};

const recordsIn = (file: FileAt, header: Header, checkUtf8: boolean): RecordsIn => ({
  path: file.path,
  ...header,
  checkUtf8,
});

const stageAccepted = async (
  db: SqlSession,
  file: FileAt,
  { header, fit }: Pick<Sheet, 'header' | 'fit'>,
  written: { path: string; accepted: number; longest: number },
  options: CsvOptions,
): Promise<number> => {
  const names = ['number', ...header.names.map((_, i) => `c${i}`)];
  const room = Math.max(2 << 20, written.longest + 1024);
  // The line end is said: a carriage return inside a field would be taken for one.
  const settings = `new_line = '\\n', max_line_size = ${room}, buffer_size = ${Math.max(16 << 20, room * 2)}`;
  for (const how of [settings, `${settings}, parallel = false`]) {
    const relation = csvSql([written.path], names, header.dialect.delimiter, how);
    const select = options.checks.select(relation, textInputs(fit), 'number::bigint');
    const rows = await stageRows(db, select, file, join(file.folder, 'rows.parquet'));
    if (rows === written.accepted) return rows;
  }
  throw new Error(`DuckDB reads another number of records than the ${written.accepted} written to ${written.path}`);
};

/** Where each column of the contract stands, all as text. */
export const textInputs = ({ positions }: Fit): ReadonlyMap<string, Input> =>
  new Map([...positions].map(([name, at]) => [name, { sql: `c${at}`, typed: false }]));

export const csvSql = (
  paths: readonly string[],
  names: readonly string[],
  delimiter: number,
  more: string,
): string => `read_csv([${paths.map(literal).join(', ')}],
  auto_detect = false, header = false, delim = ${literal(String.fromCharCode(delimiter))}, quote = '"', escape = '"', ${more},
  columns = {${names.map((name) => `${name}: 'VARCHAR'`).join(', ')}})`;
