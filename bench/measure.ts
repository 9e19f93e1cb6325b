// How every claim is measured: two commands in turn, A B A B …, medians and the ratio pair by pair. For the benches beside this file.
import { execa } from 'execa';

export interface Contestant {
  readonly name: string;
  /** Runs once and returns seconds by part; `total` is compared. */
  readonly run: () => Promise<Readonly<Record<string, number>>>;
}

export interface Duel {
  readonly part: string;
  readonly ours: number;
  readonly peer: number;
  /** Median of ours / peer, pair by pair. */
  readonly ratio: number;
}

/** Alternates the two, `pairs` times after one uncounted pair, and compares each part. */
export const duel = async (ours: Contestant, peer: Contestant, pairs = 5): Promise<Duel[]> => {
  const rounds: { a: Readonly<Record<string, number>>; b: Readonly<Record<string, number>> }[] = [];
  for (let round = 0; round <= pairs; round += 1) {
    const a = await ours.run();
    const b = await peer.run();
    console.error(
      `  pair ${round}: ${ours.name} ${shown(a.total)} s, ${peer.name} ${shown(b.total)} s${round === 0 ? ' (warm-up, not counted)' : ''}`,
    );
    if (round > 0) rounds.push({ a, b });
  }
  return Object.keys(rounds[0]?.a ?? {}).map((part) => ({
    part,
    ours: median(rounds.map(({ a }) => a[part] ?? Number.NaN)),
    peer: median(rounds.map(({ b }) => b[part] ?? Number.NaN)),
    ratio: median(rounds.map(({ a, b }) => (a[part] ?? Number.NaN) / (b[part] ?? Number.NaN))),
  }));
};

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
};

/** A child program that prints one JSON object on its last line. */
export const measured = async (
  command: string,
  args: readonly string[],
  cwd: string,
): Promise<Record<string, number>> => {
  const { stdout } = await execa(command, args, { cwd, stderr: 'inherit' });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');
};

export const table = (duels: readonly Duel[], ours: string, peer: string): string =>
  [
    `| part | ${ours}, s | ${peer}, s | ratio |`,
    '|---|---|---|---|',
    ...duels.map(
      ({ part, ours: a, peer: b, ratio }) => `| ${part} | ${shown(a)} | ${shown(b)} | ${ratio.toFixed(2)} |`,
    ),
  ].join('\n');

const shown = (seconds = Number.NaN): string => seconds.toFixed(2);
