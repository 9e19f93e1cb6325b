// The reliability diagram: does what is predicted as 20 % happen in 20 % of the cases?
import type { CalibrationPoint } from './curves.ts';
import { LOOK, type Picture, picture } from './theme.ts';

/** One dot per bin of predictions, its whisker the 95 % interval of the observed rate; perfect lies on the diagonal. */
export const calibrationPicture = (points: readonly CalibrationPoint[], found: string): Picture => {
  const whiskers = points.map((point) => ({ ...point, ...boundsOf(point) }));
  const top = Math.min(1, 1.05 * Math.max(0.01, ...whiskers.flatMap(({ predicted, high }) => [predicted, high])));
  const axis = (field: string, title: string) => ({
    field,
    type: 'quantitative',
    scale: { domain: [0, top], nice: false },
    axis: { title, format: '.0%', tickCount: 6 },
  });
  const x = axis('predicted', 'Mean predicted probability (%)');
  const observed = 'Observed rate (%)';
  const diagonal = [0, top].map((value) => ({ predicted: value, observed: value }));
  const { colour } = LOOK.model;
  return picture('Calibration', found, {
    width: 380,
    height: 380,
    layer: [
      {
        data: { values: diagonal },
        mark: { type: 'line', color: LOOK.chance.colour, strokeDash: LOOK.chance.dash, strokeWidth: 1 },
        encoding: { x, y: axis('observed', observed) },
      },
      {
        data: { values: whiskers },
        mark: { type: 'rule', color: colour, opacity: 0.5, strokeWidth: 1.5 },
        encoding: { x, y: axis('low', observed), y2: { field: 'high' } },
      },
      {
        data: { values: points },
        mark: { type: 'line', color: colour, opacity: 0.5 },
        encoding: { x, y: axis('observed', observed), order: { field: 'predicted', type: 'quantitative' } },
      },
      {
        data: { values: points },
        mark: { type: 'point', color: colour, filled: true, opacity: 1, size: 70 },
        encoding: { x, y: axis('observed', observed) },
      },
    ],
  });
};

const boundsOf = (point: CalibrationPoint): { low: number; high: number } =>
  point.low === undefined || point.high === undefined ? wilson(point) : { low: point.low, high: point.high };

/** Interval of a rate at 95 % (Wilson 1927): within [0, 1] also for rare positives. */
const wilson = ({ observed, rows }: CalibrationPoint): { low: number; high: number } => {
  const z = 1.959964;
  const centre = observed + (z * z) / (2 * rows);
  const spread = z * Math.sqrt((observed * (1 - observed)) / rows + (z * z) / (4 * rows * rows));
  const scale = 1 + (z * z) / rows;
  return { low: Math.max(0, (centre - spread) / scale), high: Math.min(1, (centre + spread) / scale) };
};
