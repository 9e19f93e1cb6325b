// Which snapshots of a lake may go: those that are old and that no reader can still ask for. Pure; a snapshot that is not named here stays.
import type { TableName } from './table.ts';

export interface SnapshotTime {
  readonly snapshot: number;
  /** Milliseconds. */
  readonly at: number;
}

/** A table at a moment, as a version's lineage or a tag names it. */
export interface NeededPin {
  readonly table: string;
  readonly snapshot: number;
  readonly key: string;
}

/** What the commit log says of one commit. */
export interface LoggedCommit {
  readonly snapshot: number;
  /** Key of each table that it wrote, as that table's head. */
  readonly tables: Readonly<Record<string, string>>;
  readonly inputs: readonly NeededPin[];
  /** The ledger's snapshot that incremental builds look back at. */
  readonly ledger: number | null;
}

export interface Protection {
  /** Milliseconds; snapshots from here on stay. */
  readonly floor: number;
  /** What was head at this moment or at any later one stays: an open run may have pinned it, or somebody travel back to it. */
  readonly openSince: number;
  readonly needed: readonly { readonly snapshot: number; readonly why: string }[];
}

export interface Retention {
  readonly expire: readonly number[];
  /** How many stay, by the first reason that holds. */
  readonly kept: Readonly<Record<string, number>>;
}

/** Splits the snapshots. The newest stays always. */
export const retain = (
  snapshots: readonly SnapshotTime[],
  log: readonly LoggedCommit[],
  { floor, openSince, needed }: Protection,
): Retention => {
  const reasons = new Map<number, string>();
  const keep = (snapshot: number, why: string) => reasons.has(snapshot) || reasons.set(snapshot, why);
  const newest = Math.max(...snapshots.map(({ snapshot }) => snapshot));
  for (const { snapshot, at } of snapshots) if (at >= floor || snapshot === newest) keep(snapshot, 'not old enough');
  const then = Math.min(...snapshots.flatMap(({ snapshot, at }) => (at >= openSince ? snapshot : [])), newest + 1);
  for (const head of headsBefore(log, Number.POSITIVE_INFINITY)) keep(head, 'a table stands there');
  for (const head of headsBefore(log, then)) keep(head, 'an open run may have pinned it');
  for (const { snapshot } of log) if (snapshot >= then) keep(snapshot, 'an open run may have pinned it');
  for (const { snapshot, why } of needed) keep(snapshot, why);
  for (const { snapshot, ledger } of log) {
    if (ledger !== null && reasons.has(snapshot)) keep(ledger, 'the next incremental build looks back at it');
  }
  const kept: Record<string, number> = {};
  const expire: number[] = [];
  for (const { snapshot } of snapshots) {
    const why = reasons.get(snapshot);
    if (why === undefined) expire.push(snapshot);
    else kept[why] = (kept[why] ?? 0) + 1;
  }
  return { expire: expire.sort((a, b) => a - b), kept };
};

/** For each table the newest commit below a snapshot. */
const headsBefore = (log: readonly LoggedCommit[], below: number): Set<number> => {
  const heads = new Map<string, number>();
  for (const { snapshot, tables } of log) {
    if (snapshot >= below) continue;
    for (const table of Object.keys(tables)) heads.set(table, Math.max(heads.get(table) ?? 0, snapshot));
  }
  return new Set(heads.values());
};

/** The pins themselves and the bronze they came from: with these, whatever lies between can be computed again. */
export const withOrigins = (pins: readonly NeededPin[], log: readonly LoggedCommit[]): Set<number> => {
  const origin = new Map<string, LoggedCommit>();
  for (const commit of log) {
    for (const [table, key] of Object.entries(commit.tables)) origin.set(`${table}\n${key}`, commit);
  }
  const snapshots = new Set(pins.map(({ snapshot }) => snapshot));
  const seen = new Set<string>();
  const walk = ({ table, snapshot, key }: NeededPin): void => {
    if (table.startsWith('bronze.')) snapshots.add(snapshot);
    const id = `${table}\n${key}`;
    if (seen.has(id)) return;
    seen.add(id);
    for (const input of origin.get(id)?.inputs ?? []) walk(input);
  };
  pins.forEach(walk);
  return snapshots;
};

/** Tables from which the given ones are built, and the given ones; bronze comes whole, since one ledger speaks of all of it. */
export const withInputs = (
  tables: Iterable<TableName>,
  inputsOf: (table: TableName) => readonly TableName[],
  all: readonly TableName[],
): Set<TableName> => {
  const found = new Set<TableName>();
  const walk = (table: TableName): void => {
    if (found.has(table)) return;
    found.add(table);
    inputsOf(table).forEach(walk);
  };
  for (const table of tables) walk(table);
  const bronze = (table: TableName) => table.startsWith('bronze.');
  if ([...found].some(bronze)) for (const table of all.filter(bronze)) found.add(table);
  return found;
};
