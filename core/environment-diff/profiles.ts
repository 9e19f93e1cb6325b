// How a feature is spread in one environment, and how far that is from another: the population stability index and the standardised
// difference of means.

/** Share of rows per bin; bins are the same on both sides. Numbers: up to ten ranges; categories: the most frequent, the others; missing. */
export type Shares = readonly number[];

export interface FeatureProfile {
  readonly table: string;
  readonly feature: string;
  readonly kind: 'numeric' | 'categorical';
  /** Cut whose rows were looked at, an ISO date. */
  readonly cut: string;
  readonly rows: number;
  /** In [0, 1]. */
  readonly missing: number;
  /** Of numbers that are not missing; null for categories and where there is none. */
  readonly mean: number | null;
  readonly deviation: number | null;
  /** 5, 25, 50, 75, 95 %. */
  readonly quantiles: readonly number[] | null;
  /** Empty where there is no other side to share bins with. */
  readonly shares: Shares;
}

export interface FeatureDiff {
  readonly table: string;
  readonly feature: string;
  readonly kind: 'numeric' | 'categorical';
  /** Absent on a side that has no such feature. */
  readonly from: FeatureProfile | null;
  readonly to: FeatureProfile | null;
  /** Null where one side has no rows. Up to 0.1 counts as stable, above 0.25 as another population. */
  readonly psi: number | null;
  /** (mean − mean) / pooled deviation; null for categories. */
  readonly standardised: number | null;
}

/** An empty bin counts as one row in ten thousand: else one new category would be infinitely far. */
const FLOOR = 1e-4;
export const MOVED = 0.1;

/** Σ (p − q) ln(p / q) (Siddiqi 2006); null where a side has no bins. */
export const stabilityIndex = (from: Shares, to: Shares): number | null => {
  if (from.length === 0 || from.length !== to.length) return null;
  const kept = (share: number | undefined) => Math.max(FLOOR, share ?? 0);
  return from.reduce((sum, p, bin) => sum + (kept(p) - kept(to[bin])) * Math.log(kept(p) / kept(to[bin])), 0);
};

/** Cohen's d with the plain mean of both variances; null where it is undefined, 0 where both sides are the same constant. */
export const standardisedDifference = (from: FeatureProfile, to: FeatureProfile): number | null => {
  if (from.mean === null || to.mean === null) return null;
  const pooled = Math.sqrt(((from.deviation ?? 0) ** 2 + (to.deviation ?? 0) ** 2) / 2);
  if (pooled > 0) return (from.mean - to.mean) / pooled;
  return from.mean === to.mean ? 0 : null;
};

/** One row per feature that either side has, the most moved first. */
export const compareProfiles = (from: readonly FeatureProfile[], to: readonly FeatureProfile[]): FeatureDiff[] => {
  const nameOf = ({ table, feature }: FeatureProfile) => `${table}.${feature}`;
  const [left, right] = [from, to].map((side) => new Map(side.map((profile) => [nameOf(profile), profile])));
  const names = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])];
  const all = names.flatMap((name) => {
    const [a, b] = [left?.get(name) ?? null, right?.get(name) ?? null];
    const one = a ?? b;
    if (!one) return [];
    const { table, feature, kind } = one;
    const psi = a && b ? stabilityIndex(a.shares, b.shares) : null;
    return [{ table, feature, kind, from: a, to: b, psi, standardised: a && b ? standardisedDifference(a, b) : null }];
  });
  return all.toSorted((a, b) => (b.psi ?? Number.POSITIVE_INFINITY) - (a.psi ?? Number.POSITIVE_INFINITY));
};
