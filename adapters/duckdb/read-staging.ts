// How the rows of one file wait, typed and judged, until their chunk is written: shared by the readers of one file.

import { literal, type SqlSession } from '../../core/sql.ts';
import type { TextProfile } from './read-profile.ts';

/** What reading one file came to, before the chunk decides what becomes of it. */
export interface ReadFile {
  /** Parquet: the contract's columns, `problem`, `value`, `line` (null: the row's number in this very file), `file`. */
  readonly staged?: string;
  /** CSV of records that could not be told apart: line, column, value, reason. */
  readonly rejects?: string;
  /** Rows in `staged`, good or bad. */
  readonly rows: number;
  /** Rows in `rejects`, or rows that were counted in a file refused unread. */
  readonly rejected: number;
  /** What the ledger should say of the file. */
  readonly notes: readonly string[];
  /** Why no row of it can be taken. */
  readonly refusal?: string;
  /** The required column whose absence is the refusal. */
  readonly missing?: string;
}

/** One file to be read: its position in the chunk, and a folder of its own for what comes out. */
export interface FileAt {
  readonly path: string;
  /** What its bytes are like, where somebody has looked already. */
  readonly profile?: TextProfile | undefined;
  readonly ordinal: number;
  readonly folder: string;
}

/** Line of the first record of a file with a one-line header, so line = number in the staged file + 2. */
export const FIRST_LINE = 2;

/** For rows that are read once more and then thrown away. */
export const STAGED = '(format parquet, compression snappy, dictionary_size_limit 20000)';

/** Runs a checked select into a staged file and returns its rows. They keep their order: their number there is their number here. */
export const stageRows = async (
  db: SqlSession,
  select: string,
  { ordinal }: FileAt,
  target: string,
): Promise<number> => {
  await db.run('set preserve_insertion_order = true');
  return db.number(`copy (select *, ${ordinal}::integer as file from (${select})) to ${literal(target)} ${STAGED}`);
};
