// What the ledger says of files that are at hand: known, new, or a new version of a name it knows. Pure, but for reading it.
import { PerennialError } from '../../core/errors.ts';
import type { SqlSession } from '../../core/sql.ts';

/** The ledger's view, as `pin` leaves it in a session. */
export const LEDGER = 'bronze.files';

export interface LedgerRow {
  readonly source: string;
  readonly fileId: string;
  readonly fileName: string;
  readonly version: number;
  readonly status: string;
  readonly reason: string;
}

export interface Candidate {
  readonly source: string;
  readonly name: string;
  readonly fileId: string;
  /** Mark of the source's present contract. */
  readonly contract: string;
}

export interface Verdict {
  /** Absent where the bytes add nothing. */
  readonly fresh?: { readonly version: number; readonly replaces: string | null };
  /** True where the name was known with other bytes. */
  readonly newVersion: boolean;
  readonly note?: string;
}

export const readLedger = async (db: SqlSession): Promise<LedgerRow[]> => {
  const rows = await db.rows(`select source, file_id, file_name, version, status, reason from ${LEDGER}`);
  return rows.map((row) => ({
    source: String(row.source),
    fileId: String(row.file_id),
    fileName: String(row.file_name),
    version: Number(row.version),
    status: String(row.status),
    reason: String(row.reason ?? ''),
  }));
};

/** One verdict per candidate, in their order. The same bytes count once, whatever their names. */
export const judgeFiles = (candidates: readonly Candidate[], ledger: readonly LedgerRow[]): Verdict[] => {
  const current = new Map(ledger.filter(({ status }) => status !== 'superseded').map((row) => [row.fileId, row]));
  const versions = new Map<string, LedgerRow[]>();
  for (const row of ledger) {
    const name = nameKey(row.source, row.fileName);
    versions.set(name, [...(versions.get(name) ?? []), row]);
  }
  const here = new Map<string, string>();
  for (const { fileId, name } of candidates) if (!here.has(fileId)) here.set(fileId, name);
  return candidates.map((candidate) => {
    const twin = here.get(candidate.fileId) ?? candidate.name;
    if (twin !== candidate.name)
      return { newVersion: false, note: `${candidate.name}: same bytes as ${twin}, counted once` };
    const known = current.get(candidate.fileId);
    if (known) return knownVerdict(candidate, known);
    return freshVerdict(candidate, versions.get(nameKey(candidate.source, candidate.name)) ?? [], here);
  });
};

const nameKey = (source: string, name: string): string => `${source}\n${name}`;

const knownVerdict = ({ name, fileId, contract }: Candidate, known: LedgerRow): Verdict => {
  if (known.status === 'refused' && !known.reason.includes(contract))
    return {
      fresh: { version: known.version, replaces: fileId },
      newVersion: false,
      note: `${name}: refused under an older contract, tried again`,
    };
  if (known.status === 'refused') return { newVersion: false, note: `${name}: refused before: ${known.reason}` };
  return known.fileName === name
    ? { newVersion: false }
    : { newVersion: false, note: `${name}: its bytes are known as ${known.fileName}` };
};

const freshVerdict = (
  { name }: Candidate,
  earlier: readonly LedgerRow[],
  here: ReadonlyMap<string, string>,
): Verdict => {
  const version = 1 + Math.max(0, ...earlier.map((row) => row.version));
  const last = earlier.filter(({ status }) => status !== 'superseded').toSorted((a, b) => b.version - a.version)[0];
  if (version === 1) return { fresh: { version, replaces: null }, newVersion: false };
  const movedTo = last && here.get(last.fileId);
  // The older bytes have only changed their name: they stay.
  if (last && movedTo !== undefined)
    return {
      fresh: { version, replaces: null },
      newVersion: true,
      note: `${name}: new version ${version}; its older bytes are now ${movedTo} and stay`,
    };
  return {
    fresh: { version, replaces: last?.fileId ?? null },
    newVersion: true,
    note: `${name}: new version ${version}, other bytes under a known name`,
  };
};

/**
 * The listed files that the ledger, as it stands now, still lacks: another run may have been faster with some of them. Throws
 * `INVALID_INPUT` where the older version that a file was to replace has been replaced already, so that its version number is wrong.
 */
export const stillFresh = <File extends { fileId: string; replaces: string | null }>(
  files: readonly File[],
  ledger: readonly LedgerRow[],
): File[] => {
  const current = new Set(ledger.filter(({ status }) => status !== 'superseded').map(({ fileId }) => fileId));
  const fresh = files.filter(({ fileId, replaces }) => !current.has(fileId) || replaces === fileId);
  const stale = fresh.find(({ replaces }) => replaces !== null && !current.has(replaces));
  if (!stale) return fresh;
  throw new PerennialError('INVALID_INPUT', 'another run has brought in a newer version of a listed file', {
    field: 'file',
    value: stale.fileId,
    mend: 'Run the ingest again: it will look at the files anew',
  });
};
