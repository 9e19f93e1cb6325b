// What rollbacks mean for the commits before them: history is kept, but a commit that was taken back counts as never done.

/** A commit that brought tables back to earlier snapshots of theirs; null: the table was emptied. */
export interface Rollback {
  readonly snapshot: number;
  readonly to: Readonly<Record<string, number | null>>;
}

/**
 * Whether what the commit at `snapshot` did to a table is part of its present. Walks back along the table's line of descent: from a rollback
 * the line goes on at the snapshot that it restored, and whatever lies between was taken back.
 */
export const stands = (table: string, snapshot: number, rollbacks: readonly Rollback[]): boolean => {
  const own = rollbacks.filter(({ to }) => Object.hasOwn(to, table)).toSorted((a, b) => b.snapshot - a.snapshot);
  let present = Number.POSITIVE_INFINITY;
  for (const rollback of own) {
    if (rollback.snapshot > present) continue;
    if (snapshot >= rollback.snapshot) return true;
    present = rollback.to[table] ?? -1;
    if (snapshot > present) return false;
  }
  return true;
};
