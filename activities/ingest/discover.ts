// Looks through a path: which files are new to the ledger, of which source, in which chunks they will be read.
import { stat } from 'node:fs/promises';
import { contractMark, type Watch } from '../../adapters/duckdb/read-files.ts';
import type { ArtifactRef, ArtifactStore } from '../../core/artifact.ts';
import { PerennialError } from '../../core/errors.ts';
import type { Source } from '../../core/source.ts';
import type { UseCase } from '../../core/use-case.ts';
import type { OpenLake } from '../lake-session.ts';
import { type FoundFile, findFiles } from './find-files.ts';
import { type Candidate, judgeFiles, LEDGER, type LedgerRow, readLedger } from './ledger.ts';
import { type LookedThrough, lookThrough } from './look-through.ts';
import { inChunks, type ManifestFile, writeManifest } from './manifest.ts';
import { recognise } from './recognise.ts';

export interface DiscoverInput {
  readonly useCase: string;
  /** File, folder, glob or archive. */
  readonly path: string;
  /** Name of the source; default: each file's header tells. */
  readonly source?: string;
}

export interface Discovered {
  readonly manifest: ArtifactRef;
  readonly chunks: number;
  readonly files: number;
  readonly bytes: number;
  /** Files that add nothing: the ledger knows their bytes, or another file here has the same. */
  readonly known: number;
  readonly newVersions: number;
  /** Source of most files. */
  readonly source: string;
  readonly notes: readonly string[];
}

export interface DiscoverTools {
  readonly lake: Pick<OpenLake, 'db' | 'head' | 'pin'>;
  readonly artifacts: ArtifactStore;
  readonly stage: string;
}

interface Seen extends FoundFile, Candidate, LookedThrough {
  readonly bytes: number;
  readonly modifiedMs: number;
}

const NOTES = 20;

export const discover = async (
  { lake, artifacts, stage }: DiscoverTools,
  useCase: UseCase,
  input: DiscoverInput,
  watch: Watch = {},
): Promise<Discovered> => {
  const found = await findFiles(input.path, { stage, signal: watch.signal });
  const named = await nameSources(lake.db, found.files, useCase, input.source);
  const seen = await lookThroughAll(named.files, watch);
  const verdicts = judgeFiles(seen, await ledgerRows(lake));
  const fresh: (ManifestFile & { source: string })[] = [];
  for (const [i, { contract: _, ...file }] of seen.entries()) {
    const verdict = verdicts[i]?.fresh;
    if (verdict) fresh.push({ ...file, ...verdict });
  }
  const chunks = inChunks(fresh);
  const notes = [...found.notes, ...named.notes, ...verdicts.flatMap(({ note }) => note ?? [])];
  return {
    manifest: await writeManifest(artifacts, { useCase: useCase.name, chunks }),
    chunks: chunks.length,
    files: seen.length,
    bytes: seen.reduce((sum, { bytes }) => sum + bytes, 0),
    known: seen.length - fresh.length,
    newVersions: verdicts.filter(({ newVersion }) => newVersion).length,
    source: mostCommon(seen.map(({ source }) => source)),
    notes: notes.length > NOTES ? [...notes.slice(0, NOTES - 1), `and ${notes.length - NOTES + 1} more notes`] : notes,
  };
};

/** The ledger at the head of the lake; none where no file has ever been brought in. */
export const ledgerRows = async (lake: DiscoverTools['lake']): Promise<readonly LedgerRow[]> => {
  const head = await lake.head(LEDGER);
  if (!head) return [];
  await lake.pin([{ table: LEDGER, snapshot: head.snapshot }]);
  return readLedger(lake.db);
};

export const sourceNamed = ({ name: useCase, sources }: UseCase, name: string): Source => {
  const source = sources.find((candidate) => candidate.name === name);
  if (source) return source;
  throw new PerennialError('UNKNOWN_NAME', `${useCase} has no such source`, {
    field: 'source',
    value: name,
    mend: `Known: ${sources.map((known) => known.name).join(', ')}`,
  });
};

const nameSources = async (
  db: DiscoverTools['lake']['db'],
  files: readonly FoundFile[],
  useCase: UseCase,
  given: string | undefined,
) => {
  const { sources, notes } =
    given === undefined
      ? await recognise(db, files, useCase.sources)
      : { sources: files.map(() => sourceNamed(useCase, given).name), notes: [] };
  const named = files.flatMap((file, i) => {
    const source = sources[i];
    return source === undefined ? [] : [{ ...file, source, contract: contractMark(sourceNamed(useCase, source)) }];
  });
  return { files: named, notes };
};

const lookThroughAll = async (
  files: readonly (FoundFile & { source: string; contract: string })[],
  { onProgress, signal }: Watch,
): Promise<Seen[]> => {
  const seen: Seen[] = [];
  for (const file of files) {
    signal?.throwIfAborted();
    onProgress?.({ stage: 'look through', done: seen.length, total: files.length, unit: 'files' });
    const { size, mtimeMs } = await stat(file.path);
    seen.push({ ...file, bytes: size, modifiedMs: mtimeMs, ...(await lookThrough(file.path, signal)) });
  }
  return seen;
};

const mostCommon = (names: readonly string[]): string => {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]?.[0] ?? '';
};
