// What is asked of a lake's upkeep and of a sweep, and what they say they did. For the workflows `maintain` and `sweep`, and their schedules.

/** Every field has a default; `{}` is a valid input. */
export interface MaintainInput {
  /** Snapshots older than this go, unless something needs them. Default: 30. */
  readonly expireAfterDays?: number;
  /** How long a file stays that no snapshot knows: a reader may still read it, or a writer be about to commit it. Default: 24. */
  readonly deleteAfterHours?: number;
  /** How long scratch of steps stays that nobody has touched. Default: 48. */
  readonly scratchAfterHours?: number;
  /** Records of who looked at whom over the API go when they are older than this; 30 at least. Default: 90. */
  readonly readsAfterDays?: number;
  /** A table with at least so many small files gets them merged. Default: 4. */
  readonly mergeFrom?: number;
  /** Snapshots to keep readable besides those that are known to be needed. */
  readonly protect?: readonly number[];
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
  readonly lostAfterSeconds?: number;
}

export interface SweepInput
  extends Pick<MaintainInput, 'deleteAfterHours' | 'scratchAfterHours' | 'protect' | 'dryRun' | 'lostAfterSeconds'> {
  /** Tables last written before this go, unless a champion, a tag or an open run needs them. Default: 14. */
  readonly afterDays?: number;
  /** How long after emptying tables their history stays: by then every run that had pinned it is known. Default: 60. */
  readonly settleSeconds?: number;
}

/** The input, completed: moments are fixed once, so that a retry means the same. */
export interface UpkeepPlan {
  readonly expireBefore: string;
  readonly deleteBefore: string;
  readonly scratchBefore: string;
  /** Absent in plans of a sweep and of older programs: then no read expires. */
  readonly readsBefore?: string;
  readonly mergeFrom: number;
  readonly protect: readonly number[];
  readonly dryRun: boolean;
  /** `history`: time travel back to `expireBefore`, and what every registered version was made from. `present`: what versions with an
   * alias were made from, and what open runs read. */
  readonly keep: 'history' | 'present';
  readonly settleSeconds: number;
}

export interface Merged {
  readonly tables: readonly { readonly table: string; readonly filesBefore: number; readonly filesAfter: number }[];
}

export interface Expired {
  readonly expired: number;
  readonly left: number;
  /** How many of those left stay for which reason. */
  readonly kept: Readonly<Record<string, number>>;
  /** Nothing from this moment on was touched (ISO). */
  readonly floor: string;
  /** The open run that holds the floor down, where one does. */
  readonly heldBy: string | null;
}

export interface Deleted {
  readonly files: number;
  readonly bytes: number;
}

/** Scratch of steps, and in Postgres answers of versions that speak no more and of jobs that have expired. */
export interface Cleared extends Deleted {
  readonly rows: number;
}

export interface Cleaned {
  /** Files of expired snapshots and merged files. */
  readonly old: Deleted;
  /** Files that no snapshot ever knew: what killed attempts left. */
  readonly orphans: Deleted;
  /** Batches of the API's reads. */
  readonly reads?: number;
}

export interface Swept {
  readonly tables: readonly {
    readonly table: string;
    readonly rows: number;
    readonly files: number;
    readonly bytes: number;
  }[];
  /** Tables that stay, by reason. */
  readonly kept: Readonly<Record<string, number>>;
}

interface Upkeep {
  readonly dryRun: boolean;
  readonly expired: Expired;
  readonly cleaned: Cleaned;
  readonly scratch: Deleted;
}

export interface MaintainSummary extends Upkeep {
  readonly merged: Merged;
  /** Refresh tokens that had expired and were deleted. */
  readonly tokens: number;
}

export interface SweepSummary extends Upkeep {
  readonly swept: Swept;
}
