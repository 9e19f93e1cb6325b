// Whom two champions would decide about differently: the same people, scored by both on the same features.

export interface Mover {
  readonly entity: string;
  readonly from: number;
  readonly to: number;
}

export interface Flips {
  readonly rows: number;
  /** Share of people that a campaign writes to, the likeliest first. */
  readonly share: number;
  /** Chosen by the one and not by the other: `in` are chosen by the `from` side alone, `out` by the `to` side alone. */
  readonly in: number;
  readonly out: number;
  /** (in + out) / rows. */
  readonly flipped: number;
  /** Mean absolute difference of probabilities. */
  readonly meanMove: number;
}

/** Indexes of the rows whose probabilities lie farthest apart are given beside, for whoever knows their names. */
export const flipsOf = (
  from: ArrayLike<number>,
  to: ArrayLike<number>,
  share = 0.05,
  movers = 5,
): { flips: Flips; farthest: number[] } => {
  const rows = from.length;
  const [ours, theirs] = [chosen(from, share), chosen(to, share)];
  const entered = [...ours].filter((row) => !theirs.has(row)).length;
  const left = [...theirs].filter((row) => !ours.has(row)).length;
  const moves = Float64Array.from({ length: rows }, (_, row) => Math.abs((from[row] ?? 0) - (to[row] ?? 0)));
  const order = Array.from(moves, (_, row) => row).sort((a, b) => (moves[b] ?? 0) - (moves[a] ?? 0) || a - b);
  return {
    flips: {
      rows,
      share,
      in: entered,
      out: left,
      flipped: rows === 0 ? 0 : (entered + left) / rows,
      meanMove: rows === 0 ? 0 : moves.reduce((sum, move) => sum + move, 0) / rows,
    },
    farthest: order.slice(0, movers).filter((row) => (moves[row] ?? 0) > 0),
  };
};

/** The top share, at least one; ties go to the earlier row, as they do in the score table. */
const chosen = (scores: ArrayLike<number>, share: number): ReadonlySet<number> => {
  const order = Array.from({ length: scores.length }, (_, row) => row).sort(
    (a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b,
  );
  return new Set(order.slice(0, Math.max(1, Math.floor(scores.length * share * (1 + 4 * Number.EPSILON)))));
};
