// How far each feature moves a prediction (mean |SHAP value|, Lundberg and Lee 2017), and which way a larger value moves it.
import type { ShapRow } from './curves.ts';
import { LOOK, type Picture, picture } from './theme.ts';

const UP = 'Larger values raise it';
const DOWN = 'Larger values lower it';
const NEITHER = 'Neither';
/** Correlations smaller than this are no trend worth a colour. */
const TREND = 0.1;

/** A bar per feature, the largest on top; one colour where no direction was measured. */
export const shapPicture = (rows: readonly ShapRow[], found: string): Picture => {
  const values = rows.map(({ feature, meanAbsolute, direction }) => ({ feature, meanAbsolute, way: wayOf(direction) }));
  return picture('What moves a prediction (SHAP)', found, {
    height: { step: 24 },
    data: { values },
    mark: { type: 'bar', height: { band: 0.7 } },
    encoding: {
      x: {
        field: 'meanAbsolute',
        type: 'quantitative',
        scale: { domainMin: 0 },
        axis: { title: 'Mean |SHAP value| (log-odds)', tickCount: 6 },
      },
      y: {
        field: 'feature',
        type: 'nominal',
        sort: '-x',
        axis: { title: null, ticks: false, domain: false, labelLimit: 220 },
      },
      color: rows.some(({ direction }) => direction !== null) ? wayEncoding(values) : { value: LOOK.model.colour },
    },
  });
};

const COLOURS: Readonly<Record<string, string>> = {
  [UP]: LOOK.model.colour,
  [DOWN]: LOOK.baseline.colour,
  [NEITHER]: LOOK.chance.colour,
};

const wayEncoding = (values: readonly { way: string }[]) => {
  const domain = [UP, DOWN, NEITHER].filter((way) => values.some((value) => value.way === way));
  return {
    field: 'way',
    type: 'nominal',
    scale: { domain, range: domain.map((way) => COLOURS[way]) },
    legend: { symbolType: 'square', symbolSize: 120, columns: 1 },
  };
};

const wayOf = (direction: number | null): string =>
  direction === null || Math.abs(direction) < TREND ? NEITHER : direction > 0 ? UP : DOWN;
