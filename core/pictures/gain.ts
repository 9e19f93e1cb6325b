// The cumulative gain: who contacts the best-scored share of the entities finds which share of the positives.
import type { GainPoint } from './curves.ts';
import { type Contenders, labelsOf, seriesRows } from './series.ts';
import { type Picture, picture, seriesEncoding, shareAxis } from './theme.ts';

const CHANCE: readonly GainPoint[] = [
  { share: 0, gain: 0 },
  { share: 1, gain: 1 },
];

export const gainPicture = (contenders: Contenders<GainPoint>, found: string): Picture =>
  picture('Cumulative gain', found, {
    data: { values: seriesRows(fromNothing(contenders), CHANCE) },
    mark: { type: 'line', clip: true },
    encoding: {
      x: shareAxis('share', 'Contacted, best-scored first (% of all)'),
      y: shareAxis('gain', 'Positives found (% of all)'),
      order: { field: 'order', type: 'quantitative' },
      ...seriesEncoding(labelsOf(contenders, true)),
    },
  });

/** The lines begin where nobody is contacted and nothing found. */
const fromNothing = (contenders: Contenders<GainPoint>): Contenders<GainPoint> => {
  const extended = (points: readonly GainPoint[]) => [{ share: 0, gain: 0 }, ...points];
  const { model, baseline, ceiling, baselineName } = contenders;
  return { baselineName, model: extended(model), baseline: extended(baseline), ceiling: ceiling && extended(ceiling) };
};
