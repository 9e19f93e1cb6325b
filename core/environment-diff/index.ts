// What differs between two environments: tables, features, champions, how these do on parts of the same rows, and whom they would choose.
import type { Flips, Mover } from './flips.ts';
import { compareProfiles, type FeatureDiff, type FeatureProfile, MOVED } from './profiles.ts';
import type { Slice } from './slices.ts';

export interface TableFacts {
  readonly table: string;
  readonly rows: number;
  /** Type by column, in order. */
  readonly columns: Readonly<Record<string, string>>;
  /** Key of the commit that wrote it: equal keys of built tables, equal content. */
  readonly key: string;
}

export interface ChampionFacts {
  /** `<use case>/<model>`. */
  readonly model: string;
  readonly version: number;
  readonly package: string;
  readonly asOf: string;
  readonly features: readonly string[];
  readonly metrics: Readonly<Record<string, number>>;
}

export interface EnvironmentFacts {
  readonly name: string;
  /** Why nothing can be said of its lake; null where it was read. */
  readonly silent: string | null;
  readonly tables: readonly TableFacts[];
  readonly features: readonly FeatureProfile[];
  readonly champions: readonly ChampionFacts[];
}

export interface TableDiff {
  readonly table: string;
  readonly change: 'only from' | 'only to' | 'differs' | 'same content' | 'same shape';
  readonly rows: readonly [number | null, number | null];
  /** `+name type`, `−name type`, `name type → type`. */
  readonly columns: readonly string[];
}

export interface MetricDiff {
  readonly metric: string;
  readonly from: number | null;
  readonly to: number | null;
}

/** What both champions of a model do with the same rows. */
export interface SameRows {
  /** Environment whose rows they are. */
  readonly environment: string;
  readonly cut: string;
}

export interface ModelDiff {
  readonly model: string;
  readonly from: ChampionFacts | null;
  readonly to: ChampionFacts | null;
  /** The same package on both sides. */
  readonly same: boolean;
  /** Each on its own test rows, as registered. */
  readonly metrics: readonly MetricDiff[];
  readonly slices: { readonly on: SameRows; readonly rows: readonly Slice[] } | null;
  readonly flips: (Flips & { readonly on: SameRows; readonly movers: readonly Mover[] }) | null;
  /** What could not be compared, and why. */
  readonly notes: readonly string[];
}

export interface EnvironmentDiff {
  readonly from: string;
  readonly to: string;
  readonly notes: readonly string[];
  readonly tables: readonly TableDiff[];
  readonly features: readonly FeatureDiff[];
  readonly models: readonly ModelDiff[];
  /** Something that matters differs: a table’s shape, a feature’s spread, a champion. Numbers of rows do not count. */
  readonly changed: boolean;
}

/** What was measured on common rows, by model. */
export type Measured = ReadonlyMap<string, Pick<ModelDiff, 'slices' | 'flips' | 'notes'>>;

const METRICS = ['roc_auc', 'average_precision', 'lift_at_5', 'precision_at_5', 'recall_at_5', 'brier'] as const;

export const compareEnvironments = (
  from: EnvironmentFacts,
  to: EnvironmentFacts,
  measured: Measured = new Map(),
): EnvironmentDiff => {
  const both = from.silent === null && to.silent === null;
  const tables = both ? compareTables(from.tables, to.tables) : [];
  const features = both ? compareProfiles(from.features, to.features) : [];
  const models = compareChampions(from, to, measured);
  return {
    from: from.name,
    to: to.name,
    notes: [from, to].flatMap(({ name, silent }) => (silent === null ? [] : [`${name}: ${silent}`])),
    tables,
    features,
    models,
    changed:
      tables.some(({ change, columns }) => change.startsWith('only') || columns.length > 0) ||
      features.some(({ psi }) => psi === null || psi > MOVED) ||
      models.some(({ same }) => !same),
  };
};

const compareTables = (from: readonly TableFacts[], to: readonly TableFacts[]): TableDiff[] => {
  const names = [...new Set([...from, ...to].map(({ table }) => table))].sort();
  return names.map((name) => {
    const [a, b] = [from, to].map((side) => side.find(({ table }) => table === name));
    const rows = [a?.rows ?? null, b?.rows ?? null] as const;
    if (!a || !b) return { table: name, change: a ? 'only from' : 'only to', rows, columns: [] };
    const columns = columnsMoved(a, b);
    return { table: name, change: changeOf(a, b, columns), rows, columns };
  });
};

const changeOf = (a: TableFacts, b: TableFacts, columns: readonly string[]): TableDiff['change'] => {
  if (columns.length > 0) return 'differs';
  return a.key === b.key && !a.table.startsWith('bronze.') ? 'same content' : 'same shape';
};

const columnsMoved = ({ columns: from }: TableFacts, { columns: to }: TableFacts): string[] => [
  ...Object.keys(from).flatMap((name) => (Object.hasOwn(to, name) ? [] : [`+${name} ${from[name]}`])),
  ...Object.keys(to).flatMap((name) => (Object.hasOwn(from, name) ? [] : [`−${name} ${to[name]}`])),
  ...Object.keys(from).flatMap((name) =>
    Object.hasOwn(to, name) && from[name] !== to[name] ? [`${name} ${to[name]} → ${from[name]}`] : [],
  ),
];

const compareChampions = (from: EnvironmentFacts, to: EnvironmentFacts, measured: Measured): ModelDiff[] => {
  const names = [...new Set([...from.champions, ...to.champions].map(({ model }) => model))].sort();
  return names.map((name) => {
    const [a = null, b = null] = [from, to].map((side) => side.champions.find(({ model }) => model === name));
    const found = measured.get(name) ?? { slices: null, flips: null, notes: [] };
    const absent = [from, to].flatMap((side, i) => ([a, b][i] ? [] : [`${side.name} has no champion of ${name} yet`]));
    const figure = (side: ChampionFacts | null, metric: string) => side?.metrics[metric] ?? null;
    return {
      model: name,
      from: a,
      to: b,
      same: a !== null && b !== null && a.package === b.package,
      metrics: METRICS.map((metric) => ({ metric, from: figure(a, metric), to: figure(b, metric) })),
      slices: found.slices,
      flips: found.flips,
      notes: [...absent, ...found.notes],
    };
  });
};
