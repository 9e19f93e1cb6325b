// The shapes of a model's curves: ROC, cumulative gain, lift and calibration, with the line that chance would draw.
import type { Chart } from '../../../core/use-case.ts';

const quantity = (field: string, title: string, more: object = {}) => ({ field, type: 'quantitative', title, ...more });
const WHO = { field: 'who', type: 'nominal', title: null, sort: null };
const UNIT = { scale: { domain: [0, 1], nice: false }, axis: { format: '%', tickCount: 5, grid: true } };

const diagonal = (x: string, y: string) => ({
  data: {
    values: [
      { [x]: 0, [y]: 0 },
      { [x]: 1, [y]: 1 },
    ],
  },
  mark: { type: 'line', strokeDash: [4, 4], strokeWidth: 1, color: 'var(--muted)' },
  encoding: { x: quantity(x, ''), y: quantity(y, '') },
});

const curve = (title: string, query: string, [x, xTitle]: [string, string], [y, yTitle]: [string, string]): Chart => ({
  title,
  query,
  spec: {
    height: 300,
    layer: [
      {
        mark: { type: 'line' },
        encoding: {
          x: quantity(x, xTitle, UNIT),
          y: quantity(y, yTitle, UNIT),
          color: WHO,
          order: { field: 'order', type: 'quantitative' },
        },
      },
      diagonal(x, y),
    ],
  },
});

export const roc = curve(
  'ROC: buyers found against non-buyers bothered',
  'model_roc',
  ['false_positive_rate', 'of those who do not buy'],
  ['true_positive_rate', 'of those who buy'],
);

export const gain = curve(
  'Cumulative gain: buyers found among the best-scored',
  'model_gain',
  ['share', 'of customers, best-scored first'],
  ['gain', 'of buyers'],
);

export const lift: Chart = {
  title: 'Lift: how many times likelier than average',
  query: 'model_lift',
  spec: {
    height: 300,
    // Below one per cent of the customers a handful of rows decides, and the curve says nothing.
    transform: [{ filter: 'datum.share >= 0.01' }],
    layer: [
      {
        mark: { type: 'line' },
        encoding: {
          x: quantity('share', 'of customers, best-scored first', UNIT),
          y: quantity('lift', 'times', { axis: { tickCount: 5 }, scale: { domainMin: 0 } }),
          color: WHO,
          order: { field: 'order', type: 'quantitative' },
        },
      },
      {
        data: { values: [{ lift: 1 }] },
        mark: { type: 'rule', strokeDash: [4, 4], color: 'var(--muted)' },
        encoding: { y: quantity('lift', '') },
      },
    ],
  },
};

const POINT = {
  x: quantity('predicted', 'predicted probability', { axis: { format: '%', tickCount: 5, grid: true } }),
};
const OBSERVED = { axis: { format: '%', tickCount: 5 } };

export const calibration: Chart = {
  title: 'Calibration: what was foretold beside what happened',
  query: 'model_calibration',
  spec: {
    height: 300,
    layer: [
      {
        mark: { type: 'line', strokeDash: [4, 4], strokeWidth: 1, color: 'var(--muted)' },
        encoding: { ...POINT, y: quantity('predicted', 'observed share', OBSERVED) },
      },
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'rule', color: 'var(--c1)', opacity: 0.5, strokeWidth: 2 },
        encoding: { ...POINT, y: quantity('low', ''), y2: { field: 'high' } },
      },
      {
        mark: { type: 'point', filled: true, size: 60, opacity: 1, color: 'var(--c1)' },
        encoding: { ...POINT, y: quantity('observed', 'observed share', OBSERVED) },
      },
    ],
  },
};

export const importance: Chart = {
  title: 'What the model looks at (share of the gain of all splits)',
  query: 'model_importance',
  spec: {
    usermeta: { span: 'full', rows: { field: 'feature', step: 24 } },
    transform: [{ calculate: "replace(datum.feature, /_/g, ' ')", as: 'name' }],
    encoding: {
      y: { field: 'name', type: 'nominal', sort: null, title: null, axis: { domain: false } },
      x: quantity('share_of_gain', '', { axis: null }),
    },
    layer: [
      { mark: { type: 'bar' } },
      { mark: { type: 'text', align: 'left', dx: 5 }, encoding: { text: { field: 'share_of_gain', format: '.1%' } } },
    ],
  },
};
