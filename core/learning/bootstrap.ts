// How sure a figure is: percentile bootstrap intervals (Efron 1979), also of the difference between two scorers on the same rows.
// Rows are sorted once; a resample is a count per row, so 200 resamples of half a million rows take seconds.
import { PerennialError } from '../errors.ts';
import { randomStream } from '../random.ts';
import { at, type Counts, type Metric, type Ranked } from './ranking.ts';

export interface Interval {
  /** The figure on the rows themselves. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Resamples in which the figure was defined. */
  readonly resamples: number;
}

export interface BootstrapOptions {
  readonly seed: number;
  /** At least 200; fewer make the ends of the interval a matter of luck. */
  readonly resamples?: number;
  /** Coverage in (0, 1). */
  readonly level?: number;
}

export type Metrics<Name extends string> = Readonly<Record<Name, Metric>>;
export type Intervals<Name extends string> = Readonly<Record<Name, Interval>>;

/** Interval of each metric of one scorer; all metrics see the same resamples. */
export const bootstrap = <Name extends string>(
  ranked: Ranked,
  metrics: Metrics<Name>,
  options: BootstrapOptions,
): Intervals<Name> => intervals([ranked], metrics, ([value]) => value ?? Number.NaN, options);

/** Interval of each metric's difference, first scorer minus second: both are judged on the same resamples of the same rows. */
export const pairedBootstrap = <Name extends string>(
  first: Ranked,
  second: Ranked,
  metrics: Metrics<Name>,
  options: BootstrapOptions,
): Intervals<Name> => {
  requireSameRows(first, second);
  return intervals([first, second], metrics, ([a, b]) => (a ?? Number.NaN) - (b ?? Number.NaN), options);
};

const intervals = <Name extends string>(
  scorers: readonly Ranked[],
  metrics: Metrics<Name>,
  combine: (values: readonly number[]) => number,
  { seed, resamples = 200, level = 0.95 }: BootstrapOptions,
): Intervals<Name> => {
  requireOptions(resamples, level);
  const names = Object.keys(metrics) as Name[];
  const figure = (name: Name, counts: readonly (Counts | undefined)[]): number =>
    combine(scorers.map((scorer, i) => metrics[name](scorer, counts[i])));
  const rows = scorers[0]?.order.length ?? 0;
  const random = randomStream(seed);
  const drawn = new Uint16Array(rows);
  const ordered = scorers.map(() => new Uint16Array(rows));
  const figures = names.map((): number[] => []);
  for (let i = 0; i < resamples; i += 1) {
    draw(drawn, random);
    for (const [s, scorer] of scorers.entries()) gather(drawn, scorer.order, ordered[s] ?? drawn);
    for (const [n, name] of names.entries()) figures[n]?.push(figure(name, ordered));
  }
  const unweighted = scorers.map(() => undefined);
  const entries = names.map((name, n) => [name, interval(figure(name, unweighted), figures[n] ?? [], level)] as const);
  return Object.fromEntries(entries) as Record<Name, Interval>;
};

/** As many draws with replacement as there are rows. */
const draw = (counts: Counts, random: () => number): void => {
  const rows = counts.length;
  counts.fill(0);
  for (let i = 0; i < rows; i += 1) {
    const row = Math.floor(random() * rows);
    counts[row] = at(counts, row) + 1;
  }
};

const gather = (counts: Counts, order: Uint32Array, into: Counts): void => {
  for (let i = 0; i < order.length; i += 1) into[i] = at(counts, at(order, i));
};

const interval = (value: number, figures: readonly number[], level: number): Interval => {
  const sorted = Float64Array.from(figures.filter((figure) => !Number.isNaN(figure))).sort();
  const tail = (1 - level) / 2;
  return { value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail), resamples: sorted.length };
};

/** Quantile by linear interpolation between order statistics (type 7 of Hyndman & Fan 1996, NumPy's default). NaN of nothing. */
export const quantile = (sorted: Float64Array, q: number): number => {
  if (sorted.length === 0) return Number.NaN;
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const low = at(sorted, below);
  const high = at(sorted, Math.min(below + 1, sorted.length - 1));
  return low + (high - low) * (position - below);
};

const requireOptions = (resamples: number, level: number): void => {
  if (!Number.isInteger(resamples) || resamples < 200) {
    throw new PerennialError('INVALID_INPUT', 'Expected at least 200 resamples', {
      field: 'resamples',
      value: resamples,
    });
  }
  if (!(level > 0 && level < 1)) {
    throw new PerennialError('INVALID_INPUT', 'A level lies in (0, 1)', { field: 'level', value: level });
  }
};

const requireSameRows = (first: Ranked, second: Ranked): void => {
  const labels = (ranked: Ranked): Uint8Array => {
    const byRow = new Uint8Array(ranked.order.length);
    ranked.order.forEach((row, i) => {
      byRow[row] = at(ranked.labels, i);
    });
    return byRow;
  };
  const theirs = labels(second);
  const same = first.order.length === second.order.length && labels(first).every((label, row) => label === theirs[row]);
  if (!same)
    throw new PerennialError('INVALID_INPUT', 'Both scorers must be judged on the same rows', { field: 'second' });
};
