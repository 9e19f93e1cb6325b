// What a commit to the lake says: which tables it writes, under which key, and which state it was computed from.
import { hash } from 'node:crypto';
import type { TableName } from './table.ts';

/** A table at a moment of the lake. `key` identifies its content: equal keys, equal rows. */
export interface Pin {
  readonly table: TableName;
  readonly snapshot: number;
  readonly key: string;
}

export interface Write {
  readonly table: TableName;
  /** Staged Parquet files; they belong to the lake once committed. */
  readonly files: readonly string[];
  /** Which rows of the present table go first: none, all (the table may change its columns then), or those a predicate names. */
  readonly replace: 'nothing' | 'all' | { readonly where: string };
  /** Key of the table's head that this work was computed from; null: it did not exist; undefined: not checked (append-only). */
  readonly expectParent: string | null | undefined;
  /** Where the files hold an earlier content of the table. */
  readonly restores?: Restored;
}

/** An earlier content that comes back: from which snapshot (null: none, the table is emptied), and under which key and lineage. */
export interface Restored {
  readonly snapshot: number | null;
  /** The table's head carries them again, so that what was built from the same inputs is found. Absent: the commit's own. */
  readonly as?: { readonly key: string; readonly extra: Readonly<Record<string, unknown>> };
}

export interface CommitRequest {
  readonly key: string;
  /** `head`: done already if every table's head carries the key. `ever`: done already if any commit carried it that still stands. */
  readonly once: 'head' | 'ever';
  readonly message: string;
  readonly writes: readonly Write[];
  /** Lineage and whatever the stage wants to find again; JSON, small. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export interface Commit {
  readonly snapshot: number;
  readonly key: string;
  /** True where the commit was found rather than made. */
  readonly reused: boolean;
  readonly tables: Readonly<Record<string, { readonly rows: number }>>;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** JSON with sorted keys: equal values, equal text. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

export const sha256 = (text: string | Uint8Array): string => hash('sha256', text, 'hex');

/** The hash of all that determines a result. */
export const contentKey = (parts: Readonly<Record<string, unknown>>): string => sha256(canonicalJson(parts));
