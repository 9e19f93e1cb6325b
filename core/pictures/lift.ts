// The lift: how many times likelier a positive is among the best-scored share than among all.
import type { LiftPoint } from './curves.ts';
import { type Contenders, labelsOf, seriesRows } from './series.ts';
import { type Picture, picture, seriesEncoding, shareAxis } from './theme.ts';

const CHANCE: readonly LiftPoint[] = [
  { share: 0, lift: 1 },
  { share: 1, lift: 1 },
];

/** Below this share, a handful of rows decide, and the line is noise. */
const FIRST_SHARE = 0.01;

export const liftPicture = (contenders: Contenders<LiftPoint>, found: string): Picture =>
  picture('Lift', found, {
    data: {
      values: seriesRows(contenders, CHANCE).filter(({ share, series }) => share >= FIRST_SHARE || series === 'Chance'),
    },
    mark: { type: 'line', clip: true },
    encoding: {
      x: shareAxis('share', 'Contacted, best-scored first (% of all)'),
      y: {
        field: 'lift',
        type: 'quantitative',
        scale: { domainMin: 0, nice: true },
        axis: { title: 'Lift (times the average rate)', tickCount: 6 },
      },
      order: { field: 'order', type: 'quantitative' },
      ...seriesEncoding(labelsOf(contenders, true)),
    },
  });
