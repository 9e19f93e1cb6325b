// The states of a promotion and of a version, and which may follow which. Pure and without zod: workflows and the database share them.

export const promotionStates = [
  'requested',
  'gated',
  'refused',
  'waiting',
  'stale',
  'approved',
  'rejected',
  'expired',
  'copied',
  'registered',
  'promoted',
  'superseded',
] as const;
export type PromotionState = (typeof promotionStates)[number];

/** In every open state a rival may win, and new evidence may refuse. */
const OPEN = ['refused', 'superseded'] as const;

const NEXT: Readonly<Record<PromotionState, readonly PromotionState[]>> = {
  // Promoted at once where the very package is champion already.
  requested: ['gated', 'promoted', ...OPEN],
  gated: ['waiting', 'approved', ...OPEN],
  waiting: ['approved', 'rejected', 'expired', ...OPEN],
  // Evidence that changed while people thought: the gates look again, and then whoever approves.
  stale: ['gated', ...OPEN],
  approved: ['stale', 'copied', ...OPEN],
  copied: ['registered', ...OPEN],
  registered: ['promoted', ...OPEN],
  refused: [],
  rejected: [],
  expired: [],
  promoted: [],
  superseded: [],
};

export const mayFollow = (from: PromotionState, to: PromotionState): boolean => NEXT[from].includes(to);

/** True where nothing follows any more. */
export const isOver = (state: PromotionState): boolean => NEXT[state].length === 0;

export const versionStates = ['pending', 'approved', 'rejected', 'staging', 'production', 'archived'] as const;
export type VersionState = (typeof versionStates)[number];

const NEXT_OF_VERSION: Readonly<Record<VersionState, readonly VersionState[]>> = {
  pending: ['approved', 'rejected', 'archived'],
  approved: ['staging', 'production', 'archived'],
  rejected: [],
  staging: ['archived'],
  production: ['archived'],
  // By a rollback, or promoted again.
  archived: ['staging', 'production'],
};

export const versionMayBecome = (from: VersionState, to: VersionState): boolean => NEXT_OF_VERSION[from].includes(to);

/** What the champion of an environment is called. In dev, where training crowns, versions keep their state. */
export const championState = (environment: string): 'staging' | 'production' | undefined =>
  environment === 'prod' ? 'production' : environment === 'staging' ? 'staging' : undefined;

/** One move of the champion alias, as the audit tells it. */
export interface ChampionMove {
  readonly operation: string | null;
  readonly before: string | null;
  readonly after: string;
}

export const ROLLBACK = 'rollback:';

/**
 * Who was champion before the present one was promoted; undefined where there was nobody. A rollback takes its champion off the pile
 * rather than putting another on it, so two rollbacks go two steps back, not there and back again.
 */
export const previousChampion = (moves: readonly ChampionMove[]): number | undefined => {
  const pile: number[] = [];
  for (const { operation, after } of moves) {
    const at = Number(after);
    if (operation?.startsWith(ROLLBACK) && pile.includes(at)) pile.length = pile.lastIndexOf(at) + 1;
    else pile.push(at);
  }
  return pile.at(-2);
};
