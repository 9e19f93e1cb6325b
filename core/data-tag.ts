// A data version: a name for a set of tables at their snapshots, and what it takes to bring a catalog back to it.
import type { Pin } from './commit.ts';
import { PerennialError } from './errors.ts';
import type { TableName } from './table.ts';

export interface TaggedTable extends Pin {
  readonly rows: number;
}

export interface DataTag {
  readonly name: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** True if it names every table of the catalog: then a table that it does not name was not there. */
  readonly whole: boolean;
  readonly tables: readonly TaggedTable[];
  readonly createdBy: string;
  /** ISO time. */
  readonly createdAt: string;
}

/** What happened to a tag: it is never changed, but it may be removed, and a catalog may be rolled back to it. */
export interface TagEvent {
  readonly at: string;
  readonly kind: 'tagged' | 'removed' | 'rolled back';
  readonly by: string;
  readonly why: string;
}

/** Where a table stands. */
export interface Head extends Pin {
  /** Where a rollback was the last to write it: the snapshot it restored, null if it emptied the table. */
  readonly restored?: number | null;
}

/** One table's way back. */
export interface WayBack {
  readonly table: TableName;
  /** Where its content stands; null: it was not there, so it is emptied. */
  readonly to: Pin | null;
  /** Where the table stands now; undefined: it is gone. */
  readonly head: Head | undefined;
}

export interface RollbackPlan {
  readonly moves: readonly WayBack[];
  /** Tables whose content is the tag's already. */
  readonly unchanged: readonly TableName[];
  /** Tables that the tag does not speak of. */
  readonly untouched: readonly TableName[];
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** What the lake holds at this moment, where a tag's name could stand. */
export const NOW = 'now';

export const requireTagName = (name: string): string => {
  if (NAME.test(name) && name !== NOW) return name;
  throw new PerennialError('INVALID_INPUT', 'Not a name for a tag', {
    field: 'name',
    value: name.slice(0, 80),
    mend: 'Use small letters, digits, dots, dashes and underscores, 63 at most, such as 2026-11-before-black-friday.',
  });
};

const isBronze = (table: TableName): boolean => table.startsWith('bronze.');

/**
 * The heads that a tag takes: all, or those asked for. Bronze comes whole or not at all, because the ledger (`bronze.files`) speaks of
 * every file: beside an older ledger the rows of a newer file would be brought in twice.
 */
export const tablesToTag = (heads: readonly Pin[], asked: readonly string[]): readonly Pin[] => {
  const absent = asked.find((name) => !heads.some(({ table }) => table === name));
  if (absent !== undefined || heads.length === 0) {
    throw new PerennialError('UNKNOWN_NAME', 'The lake has no such table', {
      field: 'table',
      value: absent ?? null,
      mend: `Known: ${heads.map(({ table }) => table).join(', ') || 'none; the lake is empty'}`,
    });
  }
  if (asked.length === 0) return heads;
  const bronze = asked.some((name) => isBronze(name as TableName));
  return heads.filter(({ table }) => asked.includes(table) || (bronze && isBronze(table)));
};

/** What has to move. Keys of built tables name their content; bronze grows by appending, so there only the snapshot does. */
export const planRollback = (tag: DataTag, heads: readonly Head[]): RollbackPlan => {
  const headOf = new Map(heads.map((head) => [head.table, head]));
  const tagged = new Set(tag.tables.map(({ table }) => table));
  const same = (pin: Pin): boolean => {
    const head = headOf.get(pin.table);
    const stays = head?.snapshot === pin.snapshot || head?.restored === pin.snapshot;
    return stays || (!isBronze(pin.table) && head?.key === pin.key);
  };
  const back = tag.tables.filter((pin) => !same(pin)).map((to) => move(to.table, to, headOf.get(to.table)));
  const later = heads.filter(({ table, restored }) => !tagged.has(table) && restored !== null);
  const withBronze = tag.tables.some(({ table }) => isBronze(table));
  const goes = ({ table }: Pin) => tag.whole || (withBronze && isBronze(table));
  return {
    moves: [...back, ...later.filter(goes).map((head) => move(head.table, null, head))],
    unchanged: tag.tables.filter(same).map(({ table }) => table),
    untouched: later.filter((head) => !goes(head)).map(({ table }) => table),
  };
};

const move = (table: TableName, to: Pin | null, head: Head | undefined): WayBack => ({ table, to, head });
