// Writes what a chunk's files came to as Parquet in the shapes of bronze: the source's rows, the quarantine, the ledger.
import type { ContractColumn } from '../../core/contract.ts';
import type { Source } from '../../core/source.ts';
import { identifier, literal, type SqlSession } from '../../core/sql.ts';
import type { Rule } from './read-checks.ts';
import type { FileOutcome, Held } from './read-files.ts';
import { FIRST_LINE } from './read-staging.ts';

export interface Target {
  readonly rows: string;
  /** Rows of files that are read together, a file a connection; the first is the first connection's. */
  readonly together: readonly string[];
  readonly quarantine: string;
  readonly files: string;
}

export interface Chunk {
  readonly source: Source;
  readonly columns: readonly ContractColumn[];
  readonly rules: readonly Rule[];
  readonly held: readonly Held[];
  readonly outcomes: readonly FileOutcome[];
  /** Files in bronze's shape that hold rows of the chunk already. */
  readonly written: readonly string[];
  /** Whether there are others, which are staged. */
  readonly apart: boolean;
  readonly knownAt: string;
  readonly target: Target;
}

/** Bad rows of a refused file that the quarantine keeps as evidence; the ledger counts all its rows. */
const REFUSED_EVIDENCE = 1_000;
/** Measured on clickstreams: level 1 with large dictionaries is both faster and smaller than the defaults. */
export const PARQUET = `(format parquet, compression zstd, compression_level 1, parquet_version v2, dictionary_size_limit 20000)`;

/** The files that hold the chunk's rows. */
export const writeChunk = async (db: SqlSession, chunk: Chunk): Promise<readonly string[]> => {
  await db.run('set preserve_insertion_order = false');
  await describeFiles(db, chunk);
  await holdRejects(db, chunk);
  const rows = chunk.apart ? [...chunk.written, chunk.target.rows] : chunk.written;
  if (chunk.apart) await db.run(`copy (${rowsSql(chunk)}) to ${literal(chunk.target.rows)} ${PARQUET}`);
  await db.run(`copy (${quarantineSql(chunk)}) to ${literal(chunk.target.quarantine)} ${PARQUET}`);
  await db.run(`copy (${ledgerSql(chunk, rows)}) to ${literal(chunk.target.files)} ${PARQUET}`);
  return rows;
};

const describeFiles = async (db: SqlSession, { outcomes }: Chunk): Promise<void> => {
  await db.run(
    `create or replace temp table chunk_files (file integer, file_id varchar, file_name varchar, version integer, bytes bigint,
      rows_in bigint, loaded bigint, quarantined bigint, status varchar, reason varchar)`,
  );
  const rows = outcomes.map((o, file) => {
    const counts = [o.version, o.bytes, o.rowsIn, o.loaded, o.quarantined];
    return `(${file}, ${literal(o.fileId)}, ${literal(o.name)}, ${counts.join(', ')}, ${literal(o.status)}, ${literal(o.reason)})`;
  });
  if (rows.length > 0) await db.run(`insert into chunk_files values ${rows.join(', ')}`);
};

/** Records that could not be told apart, and the reason of each file refused by its header. */
const holdRejects = async (db: SqlSession, { held }: Chunk): Promise<void> => {
  await db.run(
    `create or replace temp table chunk_rejects (file integer, line bigint, column_name varchar, "value" varchar, reason varchar)`,
  );
  for (const { ordinal, read } of held) {
    if (read.rejects !== undefined)
      await db.run(`insert into chunk_rejects select ${ordinal}, line::bigint, column_name, "value", reason from read_csv(
        ${literal(read.rejects)}, auto_detect = false, header = false, delim = ',', quote = '"', escape = '"', new_line = '\\n', parallel = false,
        columns = {line: 'VARCHAR', column_name: 'VARCHAR', "value": 'VARCHAR', reason: 'VARCHAR'})`);
    if (read.refusal !== undefined)
      await db.run(
        `insert into chunk_rejects values (${ordinal}, null, ${textOrNull(read.missing)}, null, ${literal(read.refusal)})`,
      );
  }
};

const textOrNull = (text: string | undefined): string => (text === undefined ? 'null' : literal(text));

/** Each once: files that were read together share theirs. */
export const stagedFiles = (held: readonly Held[]): readonly string[] => [
  ...new Set(held.flatMap(({ read }) => read.staged ?? [])),
];

/** All staged rows with the line each stood on. */
const stagedSql = ({ held, columns }: Chunk): string => {
  const files = stagedFiles(held).map(literal);
  if (files.length > 0)
    return `(select * replace (coalesce(line, file_row_number + ${FIRST_LINE}) as line)
      from read_parquet([${files.join(', ')}], file_row_number = true))`;
  const typed = columns.map(({ name, sql }) => `null::${sql} as ${identifier(name)}`);
  return `(select ${typed.join(', ')}, 0 as problem, '' as "value", 0 as file, 0::bigint as line where false)`;
};

export const stamp = (knownAt: string): string =>
  `timestamp ${literal(new Date(knownAt).toISOString().slice(0, -1).replace('T', ' '))}`;

const rowsSql = (chunk: Chunk): string => `
  select ${chunk.columns.map(({ name }) => `s.${identifier(name)}`).join(', ')}, f.file_id, s.line, ${stamp(chunk.knownAt)} as known_at
  from ${stagedSql(chunk)} s join chunk_files f using (file) where s.problem = 0 and f.status = 'loaded'`;

const quarantineSql = (chunk: Chunk): string => {
  const rules = chunk.rules.map(({ column, reason }, i) => `(${i + 1}, ${literal(column)}, ${literal(reason)})`);
  return `
  with bad as (
    select s.file, s.line, r.column_name, s."value", r.reason
    from ${stagedSql(chunk)} s join (values ${rules.join(', ')}) r (problem, column_name, reason) using (problem)
    union all select * from chunk_rejects),
  kept as (
    select bad.* from bad join chunk_files f using (file) where f.status = 'loaded'
    union all
    select bad.* from bad join chunk_files f using (file) where f.status = 'refused'
    qualify row_number() over (partition by file order by line nulls first) <= ${REFUSED_EVIDENCE})
  select ${literal(chunk.source.name)} as source, f.file_id, f.file_name, k.line, k.column_name, k."value" as "value", k.reason,
    ${stamp(chunk.knownAt)} as known_at
  from kept k join chunk_files f using (file)`;
};

const ledgerSql = (chunk: Chunk, rows: readonly string[]): string => `
  with days as (
    select file_id, list(distinct ${identifier(chunk.source.eventTime)}::date order by ${identifier(chunk.source.eventTime)}::date) as days
    from read_parquet([${rows.map(literal).join(', ')}]) group by file_id)
  select ${literal(chunk.source.name)} as source, f.file_id, f.file_name, f.version, f.bytes, f.rows_in, f.loaded, f.quarantined,
    f.status, f.reason, coalesce(days, []::date[]) as days, ${stamp(chunk.knownAt)} as known_at
  from chunk_files f left join days using (file_id)`;
