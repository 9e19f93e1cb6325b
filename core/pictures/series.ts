// Lines of the same kind beside each other: the model's, the rule's, the ceiling's and chance's, for the curves' pictures.
import type { SeriesName } from './theme.ts';

/** The same curve of each contender. `ceiling` exists only where the data's true probabilities are known. */
export interface Contenders<T> {
  readonly model: readonly T[];
  readonly baseline: readonly T[];
  readonly ceiling?: readonly T[] | undefined;
  /** What the rule is called, e.g. `recency-frequency rule`. */
  readonly baselineName: string;
}

const NAMES: Readonly<Record<Exclude<SeriesName, 'baseline'>, string>> = {
  model: 'Model',
  ceiling: 'Ceiling (true probabilities)',
  chance: 'Chance',
};

/** Label of each series present, in drawing order: the model comes last, on top. */
export const labelsOf = <T>(
  { ceiling, baselineName }: Contenders<T>,
  chance: boolean,
): ReadonlyMap<SeriesName, string> => {
  const labels = new Map<SeriesName, string>([
    ['model', NAMES.model],
    ['baseline', `Rule: ${baselineName}`],
  ]);
  if (ceiling) labels.set('ceiling', NAMES.ceiling);
  if (chance) labels.set('chance', NAMES.chance);
  return labels;
};

/** All points in one list, each with its series' label and its place along the line; chance is given by its own points. */
export const seriesRows = <T extends object>(
  contenders: Contenders<T>,
  chance: readonly T[],
): readonly (T & { series: string; order: number })[] => {
  const labels = labelsOf(contenders, chance.length > 0);
  const lines: readonly [SeriesName, readonly T[]][] = [
    ['chance', chance],
    ['ceiling', contenders.ceiling ?? []],
    ['baseline', contenders.baseline],
    ['model', contenders.model],
  ];
  return lines.flatMap(([name, points]) =>
    points.map((point, order) => ({ ...point, series: labels.get(name) ?? name, order })),
  );
};
