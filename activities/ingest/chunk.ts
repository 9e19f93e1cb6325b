// Brings one chunk of files into the lake: read, stage, one commit of three tables. Found by key, it is not done again.
import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type FileOutcome,
  READER_VERSION,
  type ReadChunk,
  type ReadRequest,
  readFiles,
  type Watch,
} from '../../adapters/duckdb/read-files.ts';
import { DuckDb, type DuckDbLimits } from '../../adapters/duckdb/session.ts';
import { type Commit, contentKey, type Write } from '../../core/commit.ts';
import { contractHash } from '../../core/contract.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Source } from '../../core/source.ts';
import { literal } from '../../core/sql.ts';
import type { OpenLake } from '../lake-session.ts';
import { sha256OfFile, unpacked } from './find-files.ts';
import { LEDGER, readLedger, stillFresh } from './ledger.ts';
import type { ManifestChunk, ManifestFile } from './manifest.ts';

export interface ChunkTools {
  readonly lake: Pick<OpenLake, 'db' | 'find' | 'head' | 'exists' | 'pin' | 'commit' | 'stagingFile'>;
  readonly duckdb: DuckDbLimits;
  readonly stage: string;
}

export interface Ingested {
  readonly snapshot: number;
  readonly commitKey: string;
  readonly reused: boolean;
  readonly files: number;
  readonly rowsIn: number;
  readonly loaded: number;
  readonly quarantined: number;
  /** Refused files with the reason, at most ten. */
  readonly refused: readonly string[];
}

const QUARANTINE = 'bronze.quarantine';
const Account = z.looseObject({
  files: z.number(),
  rowsIn: z.number(),
  loaded: z.number(),
  quarantined: z.number(),
  refused: z.array(z.string()),
});
type Account = z.infer<typeof Account>;

/** Another run has brought in every file of the chunk. */
const NOTHING = { reused: true, files: 0, rowsIn: 0, loaded: 0, quarantined: 0, refused: [] };
/** Attempts to commit while other runs commit other files; each costs milliseconds, for nothing is read again. */
const COMMIT_ATTEMPTS = 10;

export const ingestOne = async (
  tools: ChunkTools,
  source: Source,
  chunk: ManifestChunk,
  about: { readonly knownAt: string; readonly lineage: Readonly<Record<string, unknown>> },
  watch: Watch = {},
): Promise<Ingested> => {
  const { lake } = tools;
  const key = chunkKey(source, chunk.files);
  const done = await lake.find(key);
  if (done) return resultOf(done);
  const { head, rows } = await ledgerState(lake);
  const files = stillFresh(chunk.files, rows);
  if (files.length === 0) return { ...NOTHING, snapshot: head?.snapshot ?? 0, commitKey: key };
  await atHand(files, tools, watch);
  const lanes = Array.from({ length: tools.duckdb.threads }, () => lake.stagingFile(source.table));
  const target = {
    rows: await lake.stagingFile(source.table),
    together: await Promise.all(lanes),
    quarantine: await lake.stagingFile(QUARANTINE),
    files: await lake.stagingFile(LEDGER),
  };
  try {
    const work = join(tools.stage, 'ingest', `${key.slice(0, 16)}-${randomUUID()}`);
    const read = await readBeside(tools.duckdb, { source, files, knownAt: about.knownAt, work, target }, watch);
    return await commitChunk(lake, { key, source, files, ...read, target, lineage: about.lineage });
  } catch (error) {
    await Promise.all(
      Object.values(target)
        .flat()
        .map((path) => rm(path, { force: true })),
    );
    throw error;
  }
};

/** All that determines what these files come to. */
export const chunkKey = (source: Source, files: readonly ManifestFile[]): string =>
  contentKey({
    stage: 'ingest',
    reader: READER_VERSION,
    contract: contractHash(source),
    files: files.map(({ fileId, name, version, replaces }) => [fileId, name, version, replaces]),
  });

/** Reading goes on in an instance of its own, so that a hostile file cannot spoil the lake's. */
const readBeside = async (limits: DuckDbLimits, request: ReadRequest, watch: Watch): Promise<ReadChunk> => {
  const db = await DuckDb.open(limits);
  const beside = await Promise.all(Array.from({ length: limits.threads - 1 }, () => db.beside()));
  const interrupt = () => {
    for (const connection of [db, ...beside]) connection.interrupt();
  };
  watch.signal?.addEventListener('abort', interrupt);
  try {
    return await readFiles(db, request, watch, beside);
  } finally {
    watch.signal?.removeEventListener('abort', interrupt);
    db.close();
  }
};

/** The files as they were listed: unpacked again where scratch was cleared, and not one byte different. */
const atHand = async (files: readonly ManifestFile[], tools: ChunkTools, { signal }: Watch): Promise<void> => {
  for (const file of files) {
    if (file.archive) await unpacked(file.archive, { stage: tools.stage, signal });
    const found = await stat(file.path).catch((cause: unknown) => {
      throw new PerennialError('MISSING_PART', 'a listed file is gone', { field: 'path', value: file.path, cause });
    });
    if (found.size === file.bytes && found.mtimeMs === file.modifiedMs) continue;
    if ((await sha256OfFile(file.path, signal)) !== file.fileId)
      throw new PerennialError('HASH_MISMATCH', 'a file has changed since it was listed', {
        field: 'path',
        value: file.path,
        mend: 'Run the ingest again: the file will be a new version',
      });
  }
};

interface Staged extends ReadChunk {
  readonly key: string;
  readonly source: Source;
  readonly files: readonly ManifestFile[];
  readonly target: ReadRequest['target'];
  readonly lineage: Readonly<Record<string, unknown>>;
}

const commitChunk = async (lake: ChunkTools['lake'], staged: Staged): Promise<Ingested> => {
  for (let attempt = 1; ; attempt++) {
    const { rows, head } = await ledgerState(lake);
    const done = await lake.find(staged.key);
    if (done) return resultOf(done);
    if (stillFresh(staged.files, rows).length < staged.files.length)
      throw new PerennialError('PARENT_MOVED', 'another run has brought in some of these files meanwhile', {
        field: 'chunk',
        value: staged.key,
        mend: 'Nothing was written; the next attempt reads the others only',
      });
    try {
      return resultOf(await commitOnce(lake, staged, head));
    } catch (error) {
      const moved = error instanceof PerennialError && error.code === 'PARENT_MOVED';
      if (!moved || attempt === COMMIT_ATTEMPTS) throw error;
    }
  }
};

const ledgerState = async (lake: ChunkTools['lake']) => {
  const head = await lake.head(LEDGER);
  if (!head) return { head, rows: [] };
  await lake.pin([{ table: LEDGER, snapshot: head.snapshot }]);
  return { head, rows: await readLedger(lake.db) };
};

const commitOnce = async (lake: ChunkTools['lake'], staged: Staged, head: Commit | undefined): Promise<Commit> => {
  const account = accountOf(staged.outcomes);
  const { source, target, key, lineage } = staged;
  const replaced = staged.files.flatMap(({ replaces }) => replaces ?? []);
  const where = replaced.length === 0 ? undefined : `file_id in (${replaced.map(literal).join(', ')})`;
  const own = where && `source = ${literal(source.name)} and ${where}`;
  const ledger: Write = {
    table: LEDGER,
    files: [target.files, ...(await supersededRows(lake, staged))],
    replace: own ? { where: `${own} and status <> 'superseded'` } : 'nothing',
    expectParent: head?.key ?? null,
  };
  const writes = [
    await appended(lake, source.table, staged.rows, account.loaded > 0, where),
    await appended(lake, QUARANTINE, [target.quarantine], account.quarantined > 0 || account.refused.length > 0, own),
    ledger,
  ];
  return lake.commit({
    key,
    once: 'ever',
    message: `${source.table}: ${account.loaded} rows from ${account.files} files`,
    writes: writes.flatMap((write) => write ?? []),
    extra: { lineage, ingest: account },
  });
};

/** Rows added to a table that nobody else's work depends on; no write at all where nothing comes and nothing goes. */
const appended = async (
  lake: ChunkTools['lake'],
  table: Write['table'],
  files: readonly string[],
  rows: boolean,
  where: string | undefined,
): Promise<Write | undefined> => {
  const add = rows || !(await lake.exists(table));
  if (!add) await Promise.all(files.map((file) => rm(file, { force: true })));
  if (!add && where === undefined) return undefined;
  return { table, files: add ? files : [], replace: where ? { where } : 'nothing', expectParent: undefined };
};

/** The older versions' rows of the ledger, with their new status; a refused file that is tried again just leaves it. */
const supersededRows = async (lake: ChunkTools['lake'], { files, source }: Staged): Promise<string[]> => {
  const older = files.flatMap(({ fileId, replaces }) => (replaces === null || replaces === fileId ? [] : [replaces]));
  if (older.length === 0) return [];
  const path = await lake.stagingFile(LEDGER);
  await lake.db.run(
    `copy (select * replace ('superseded' as status) from ${LEDGER} where source = ${literal(source.name)}
       and file_id in (${older.map(literal).join(', ')}) and status <> 'superseded')
     to ${literal(path)} (format parquet, compression zstd, parquet_version v2)`,
  );
  return [path];
};

const accountOf = (outcomes: readonly FileOutcome[]): Account => {
  const sum = (of: (outcome: FileOutcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const refused = outcomes.filter(({ status }) => status === 'refused').map(({ name, reason }) => `${name}: ${reason}`);
  return {
    files: outcomes.length,
    rowsIn: sum(({ rowsIn }) => rowsIn),
    loaded: sum(({ loaded }) => loaded),
    quarantined: sum(({ quarantined }) => quarantined),
    refused: refused.slice(0, 10),
  };
};

const resultOf = (commit: Commit): Ingested => {
  const { files, rowsIn, loaded, quarantined, refused } = Account.parse(commit.extra.ingest);
  return {
    snapshot: commit.snapshot,
    commitKey: commit.key,
    reused: commit.reused,
    files,
    rowsIn,
    loaded,
    quarantined,
    refused,
  };
};
