// How charts look: a Vega-Lite config whose colours are CSS variables, so that one drawing serves light, dark and print.
import type { Row } from '../use-case.ts';

export type ChartWidth = 'wide' | 'narrow';

const INK = 'var(--ink)';
const MUTED = 'var(--muted)';
const GRID = 'var(--grid)';
const FONT = 'system-ui, sans-serif';

const CONFIG = {
  background: null,
  aria: false,
  font: FONT,
  view: { stroke: null },
  axis: {
    labelColor: MUTED,
    titleColor: MUTED,
    titleFontWeight: 'normal',
    labelFontSize: 11,
    titleFontSize: 11,
    gridColor: GRID,
    domainColor: GRID,
    tickColor: GRID,
    labelPadding: 6,
    titlePadding: 8,
    ticks: false,
  },
  axisX: { grid: false, labelFlush: true },
  axisY: { domain: false },
  legend: {
    labelColor: INK,
    titleColor: MUTED,
    labelFontSize: 11,
    title: null,
    orient: 'top',
    labelLimit: 240,
    symbolStrokeWidth: 2,
  },
  mark: { color: 'var(--c1)' },
  text: { color: INK, fontSize: 11, font: FONT },
  line: { strokeWidth: 2, strokeJoin: 'round' },
  rule: { color: MUTED },
  area: { opacity: 0.16, line: true },
  bar: { cornerRadiusEnd: 3 },
  range: { category: ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)'] },
} as const;

const FULL: Readonly<Record<ChartWidth, number>> = { wide: 1040, narrow: 322 };
const HALF: Readonly<Record<ChartWidth, number>> = { wide: 500, narrow: 322 };

/** What a chart may say in `usermeta`: that it takes the whole row, and that it is as high as it has values of a field. */
interface Wishes {
  readonly span?: 'full';
  readonly rows?: { readonly field: string; readonly step: number };
}

const wishes = (spec: Readonly<Record<string, unknown>>): Wishes => (spec.usermeta as Wishes | undefined) ?? {};

/** True where a chart asks for the whole row by `usermeta: { span: 'full' }`. */
export const spansRow = (spec: Readonly<Record<string, unknown>>): boolean => wishes(spec).span === 'full';

/** Space for an axis, its title or a legend, in a chart whose height follows from its rows. */
const MARGIN = 48;

const heightOf = (spec: Readonly<Record<string, unknown>>, rows: readonly Row[]): number => {
  const { rows: each } = wishes(spec);
  if (each) return MARGIN + each.step * new Set(rows.map((row) => row[each.field])).size;
  return typeof spec.height === 'number' ? spec.height : 220;
};

/** The chart's specification with its rows, size and theme: what a renderer needs. */
export const drawable = (
  spec: Readonly<Record<string, unknown>>,
  rows: readonly Row[],
  width: ChartWidth,
): Readonly<Record<string, unknown>> => ({
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  ...spec,
  width: (spansRow(spec) ? FULL : HALF)[width],
  height: heightOf(spec, rows),
  autosize: { type: 'fit', contains: 'padding' },
  // Copies, since Vega marks the objects it draws.
  data: { values: rows.map((row) => ({ ...row })) },
  // A narrow drawing has no room for three names beside each other: they would be cut off.
  config: width === 'wide' ? CONFIG : { ...CONFIG, legend: { ...CONFIG.legend, columns: 2 } },
});
