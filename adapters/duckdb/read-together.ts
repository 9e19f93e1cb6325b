// Reads small clean CSV files of one header together, one statement a core, straight into bronze's shape: nearly all files are so.
// What it cannot vouch for is left to the reader of one file, and so is a whole lane in which DuckDB finds anything but one record a line.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Source } from '../../core/source.ts';
import { identifier, literal, type SqlSession } from '../../core/sql.ts';
import {
  type CsvOptions,
  csvSql,
  isCsvError,
  isTrusted,
  notesOf,
  profileOf,
  type Sheet,
  sheetOf,
  textInputs,
} from './read-csv.ts';
import type { Held, ReadRequest, Watch } from './read-files.ts';
import type { TextProfile } from './read-profile.ts';
import { FIRST_LINE, STAGED } from './read-staging.ts';
import { fileKind, isPlain } from './read-text.ts';
import { PARQUET, stamp } from './read-write.ts';

/** A file that is still to be read. */
export type Waiting = Omit<Held, 'read'>;

/** A connection that reads its share of the files, and where their good rows go. */
export interface Lane {
  readonly db: SqlSession;
  readonly rows: string;
}

export interface Together {
  readonly held: readonly Held[];
  /** Parquet files of bronze's shape with the good rows of those files; their bad rows are staged like any other file's. */
  readonly rows: readonly string[];
}

export type Reader = Pick<ReadRequest, 'source' | 'work' | 'knownAt'> & { readonly options: CsvOptions };

const NOTHING: Together = { held: [], rows: [] };

/** Takes the files that can be vouched for; the others are not in what it returns. */
export const readTogether = async (
  lanes: readonly Lane[],
  files: readonly Waiting[],
  reader: Reader,
  watch: Watch,
): Promise<Together> => {
  if (lanes.length === 0) return NOTHING;
  const alike = await ofOneHeader(files, reader.options);
  const total = alike.reduce((sum, { file }) => sum + file.bytes, 0);
  watch.onProgress?.({ stage: `read ${alike.length} files`, done: 0, total, unit: 'bytes' });
  const share = (lane: number) => alike.filter((_, at) => at % lanes.length === lane);
  const read = await allEnded(lanes.map((lane, i) => readLane(lane, share(i), reader)));
  return { held: read.flatMap(({ held }) => held), rows: read.flatMap(({ rows }) => rows) };
};

/** All lanes have stopped before an error goes on: nobody may close the instance under a running statement. */
export const allEnded = async <T>(lanes: readonly Promise<T>[]): Promise<T[]> => {
  await Promise.allSettled(lanes);
  return Promise.all(lanes);
};

interface Sheeted extends Waiting {
  readonly sheet: Sheet;
}

/** The plain files of the header that most of them have. */
const ofOneHeader = async (files: readonly Waiting[], options: CsvOptions): Promise<readonly Sheeted[]> => {
  const groups = new Map<string, Sheeted[]>();
  for (const file of files) {
    options.signal?.throwIfAborted();
    // Whatever is wrong with a file, the reader of one file meets it too, and says so.
    const sheet = await plainSheet(file.path, options).catch(() => undefined);
    if (!sheet?.fast) continue;
    const key = JSON.stringify([sheet.header.names, sheet.header.dialect]);
    groups.set(key, [...(groups.get(key) ?? []), { ...file, sheet }]);
  }
  return [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most), []);
};

const plainSheet = async (path: string, options: CsvOptions): Promise<Sheet | undefined> =>
  isPlain(await fileKind(path)) ? sheetOf(path, options) : undefined;

interface Clean extends Sheeted {
  readonly profile: TextProfile;
}

/** One record a line, as far as the bytes tell. */
const vouchedFor = async (files: readonly Sheeted[], options: CsvOptions): Promise<readonly Clean[]> => {
  const clean: Clean[] = [];
  for (const file of files) {
    const profile = await profileOf(file, file.sheet, options);
    if (isTrusted(profile, profile.lines - 1)) clean.push({ ...file, profile });
  }
  return clean;
};

const readLane = async ({ db, rows: target }: Lane, files: readonly Sheeted[], reader: Reader): Promise<Together> => {
  const clean = await vouchedFor(files, reader.options);
  const [first] = clean;
  if (!first) return NOTHING;
  const columns = reader.options.columns.map(({ name }) => identifier(name)).join(', ');
  const checked = await checkedSql(db, clean, first.sheet, reader.options);
  const told = (what: string) => `struct_extract("line", '${what}') as ${what}`;
  const good = `select ${columns}, ${told('file_id')}, ${told('line')}, ${stamp(reader.knownAt)} as known_at
    from (${checked}) where problem = 0`;
  const broken = `select ${columns}, problem, "value", ${told('line')}, ${told('file')} from (${checked}) where problem > 0`;
  const bad = join(reader.work, `bad-${first.ordinal}.parquet`);
  try {
    const loaded = await db.number(`copy (${good}) to ${literal(target)} ${PARQUET}`);
    const dirty = loaded < clean.reduce((sum, file) => sum + rowsOf(file), 0);
    if (dirty) await db.run(`copy (${broken}) to ${literal(bad)} ${STAGED}`);
    if (await stands(db, clean, reader.source, { good: target, ...(dirty && { bad }) }))
      return { held: clean.map((file) => heldOf(file, dirty ? bad : undefined)), rows: [target] };
  } catch (error) {
    if (!isCsvError(error)) throw error;
  }
  await rm(target, { force: true });
  return NOTHING;
};

const rowsOf = ({ profile }: Clean): number => profile.lines - 1;

/** Every record of the lane with its checks; `line` tells file and line, counted through all files in their order. */
const checkedSql = async (db: SqlSession, clean: readonly Clean[], { header, fit }: Sheet, options: CsvOptions) => {
  let before = 0;
  const known = clean.map((file) => {
    const row = `(${literal(file.path)}, ${file.ordinal}, ${literal(file.file.fileId)}, ${before}::bigint)`;
    before += rowsOf(file);
    return row;
  });
  await db.run('set preserve_insertion_order = true');
  await db.run(
    `create or replace temp table lane_files as from (values ${known.join(', ')}) as files (path, file, file_id, before)`,
  );
  const paths = clean.map(({ path }) => path);
  const records = csvSql(
    paths,
    header.names.map((_, i) => `c${i}`),
    header.dialect.delimiter,
    'skip = 1, filename = true',
  );
  const relation = `(select * from (select *, row_number() over () as position from ${records}) join lane_files on path = filename)`;
  const at = `{file: file, file_id: file_id, line: position - before + ${FIRST_LINE - 1}}`;
  return options.checks.select(relation, textInputs(fit), at);
};

/** Whether every file of the lane has as many records as lines, each on its own, and few enough bad ones to be taken. */
const stands = async (
  db: SqlSession,
  clean: readonly Clean[],
  { refuseAbove }: Source,
  written: { readonly good: string; readonly bad?: string },
): Promise<boolean> => {
  const good = await spans(db, 'file_id', written.good);
  const broken = written.bad === undefined ? new Map<string, Span>() : await spans(db, 'file', written.bad);
  return clean.every((file) => {
    const bad = broken.get(String(file.ordinal));
    const parts = [good.get(file.file.fileId), bad].flatMap((span) => span ?? []);
    const inside = parts.every(({ first, last }) => first >= FIRST_LINE && last <= file.profile.lines);
    const rows = parts.reduce((sum, span) => sum + span.rows, 0);
    return inside && rows === rowsOf(file) && (bad?.rows ?? 0) <= rows * refuseAbove;
  });
};

const heldOf = ({ sheet, profile, ...file }: Clean, bad: string | undefined): Held => {
  const rows = profile.lines - 1;
  const notes = notesOf(sheet, profile, rows);
  return { ...file, read: { rows, rejected: 0, notes, ...(bad !== undefined && { staged: bad }) } };
};

interface Span {
  readonly rows: number;
  readonly first: number;
  readonly last: number;
}

const spans = async (db: SqlSession, by: string, file: string): Promise<ReadonlyMap<string, Span>> => {
  const found = await db.rows(
    `select ${by}::varchar as file, count(*) as rows, min(line) as first, max(line) as last from read_parquet(${literal(file)}) group by all`,
  );
  return new Map(
    found.map(({ file: id, rows, first, last }) => [
      String(id),
      { rows: Number(rows), first: Number(first), last: Number(last) },
    ]),
  );
};
