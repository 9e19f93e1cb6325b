// How a model's pictures look: one size, one set of colours that colour-blind readers can tell apart, one dash for each series.

/** A Vega-Lite specification with its data inside. */
export type Picture = Readonly<Record<string, unknown>>;

/** What is drawn beside what: the model, the rule it must beat, the best that the data allow, and pure chance. */
export type SeriesName = 'model' | 'baseline' | 'ceiling' | 'chance';

/** Okabe and Ito (2008): distinct for all common kinds of colour blindness; the dashes are distinct without any colour. */
export const LOOK: Readonly<Record<SeriesName, { colour: string; dash: readonly number[] }>> = {
  model: { colour: '#0072B2', dash: [1, 0] },
  baseline: { colour: '#D55E00', dash: [6, 3] },
  ceiling: { colour: '#009E73', dash: [2, 2] },
  chance: { colour: '#767676', dash: [4, 4] },
};

const LINE_WIDTH = 2;

const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';

const CONFIG = {
  background: '#ffffff',
  font: 'Helvetica, Arial, sans-serif',
  padding: 12,
  view: { stroke: null },
  line: { strokeWidth: LINE_WIDTH },
  title: {
    anchor: 'start',
    fontSize: 16,
    subtitleFontSize: 12,
    subtitleColor: '#555555',
    offset: 12,
    subtitlePadding: 4,
  },
  axis: {
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    titlePadding: 8,
    gridColor: '#e6e6e6',
    domainColor: '#999999',
  },
  legend: {
    orient: 'bottom',
    title: null,
    labelFontSize: 12,
    symbolSize: 300,
    labelLimit: 320,
    columns: 2,
    offset: 12,
  },
};

/** A picture of the house: its title says what it shows, its subtitle what was found. */
export const picture = (title: string, subtitle: string, spec: Readonly<Record<string, unknown>>): Picture => ({
  $schema: SCHEMA,
  title: { text: title, subtitle },
  width: 480,
  height: 340,
  config: CONFIG,
  ...spec,
});

/** Colour and dash by series; the legend shows those that are given, under their labels, in the given order. */
export const seriesEncoding = (labels: ReadonlyMap<SeriesName, string>): Readonly<Record<string, unknown>> => {
  const domain = [...labels.values()];
  const looks = [...labels.keys()].map((name) => LOOK[name]);
  const channel = (range: readonly unknown[]) => ({ field: 'series', type: 'nominal', scale: { domain, range } });
  return {
    color: channel(looks.map(({ colour }) => colour)),
    strokeDash: channel(looks.map(({ dash }) => dash)),
  };
};

/** An axis of shares, written in percent. */
export const shareAxis = (field: string, title: string): Readonly<Record<string, unknown>> => ({
  field,
  type: 'quantitative',
  scale: { domain: [0, 1] },
  axis: { title, format: '.0%', tickCount: 6 },
});
