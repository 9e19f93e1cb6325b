// Tells by its header to which source a file belongs, where nobody has said so.

import { HEAD_BYTES } from '../../adapters/duckdb/read-csv.ts';
import { fitColumns, readHeader } from '../../adapters/duckdb/read-header.ts';
import { parquetColumns } from '../../adapters/duckdb/read-parquet.ts';
import { fileKind, headOfText } from '../../adapters/duckdb/read-text.ts';
import { columnsOf } from '../../core/contract.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Source } from '../../core/source.ts';
import type { SqlSession } from '../../core/sql.ts';
import type { FoundFile } from './find-files.ts';

export interface Recognised {
  /** Source name per file, in their order; undefined: passed over. */
  readonly sources: readonly (string | undefined)[];
  readonly notes: readonly string[];
}

/** How a file's column names stand to the source that suits them best. */
interface Match {
  readonly source: string;
  /** Contract columns found. */
  readonly found: number;
  readonly missing: readonly string[];
}

/** Share of a contract's columns that makes a file its own, though a required one is missing: then it is refused by name. */
const NEARLY = 0.5;

/**
 * Files that say nothing (empty, damaged) or nearly fit follow the others where these all belong to one source; files that fit none are
 * passed over with a note. Throws `INVALID_INPUT` where no file fits any source.
 */
export const recognise = async (
  db: SqlSession,
  files: readonly FoundFile[],
  sources: readonly Source[],
): Promise<Recognised> => {
  const matches: (Match | undefined)[] = [];
  for (const file of files) matches.push(await matchOf(db, file, sources));
  const whole = new Set(matches.flatMap((match) => (match?.missing.length === 0 ? [match.source] : [])));
  const [only] = whole.size === 1 ? whole : sources.length === 1 ? [sources[0]?.name] : [];
  const notes: string[] = [];
  const names = files.map((file, i) => {
    const match = matches[i];
    if (match?.missing.length === 0) return match.source;
    const follows = match === undefined || match.source === only;
    if (only !== undefined && follows) return only;
    notes.push(
      `${file.name}: passed over, ${match ? `fits no source (lacks ${match.missing.join(', ')})` : 'no header'}`,
    );
    return undefined;
  });
  if (names.every((name) => name === undefined))
    throw new PerennialError('INVALID_INPUT', `no file fits a source: ${notes[0] ?? 'there are none'}`, {
      field: 'source',
      mend: `Name the source (${sources.map(({ name }) => name).join(', ')}) or mend the header`,
    });
  return { sources: names, notes };
};

const matchOf = async (db: SqlSession, file: FoundFile, sources: readonly Source[]): Promise<Match | undefined> => {
  const names = await namesOf(db, file, sources);
  if (names === undefined) return undefined;
  const matches = sources.map((source) => {
    const columns = columnsOf(source);
    const fit = fitColumns(names, columns);
    const share = fit.positions.size / columns.length;
    return { source: source.name, found: fit.positions.size, missing: fit.missing, share };
  });
  const rank = (m: { missing: readonly string[]; found: number }) => (m.missing.length === 0 ? 1e6 : 0) + m.found;
  const best = matches.toSorted((a, b) => rank(b) - rank(a))[0];
  if (!best || best.missing.length === 0 || best.share >= NEARLY) return best;
  return { ...best, source: '' };
};

const namesOf = async (
  db: SqlSession,
  { path }: FoundFile,
  sources: readonly Source[],
): Promise<readonly string[] | undefined> => {
  try {
    const kind = await fileKind(path);
    if (kind.format === 'parquet') return (await parquetColumns(db, path)).map(({ name }) => name);
    const head = await headOfText(path, kind, HEAD_BYTES);
    return readHeader(
      head,
      sources.map((source) => columnsOf(source).map(({ name }) => name)),
    )?.names;
  } catch (error) {
    // A damaged file has no header; the reader will refuse it and say why.
    if (error instanceof Error && 'code' in error && !String(error.code).startsWith('Z_')) throw error;
    return undefined;
  }
};
