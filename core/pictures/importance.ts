// Which features carry the model: the share of the total gain that each one's splits brought in.
import type { ImportanceRow } from './curves.ts';
import { LOOK, type Picture, picture } from './theme.ts';

/** A bar per feature, the largest on top. */
export const importancePicture = (rows: readonly ImportanceRow[], found: string): Picture => {
  const total = rows.reduce((sum, { gain }) => sum + gain, 0);
  const values = rows.map(({ feature, gain }) => ({ feature, share: total === 0 ? 0 : gain / total }));
  const order = values.toSorted((a, b) => b.share - a.share).map(({ feature }) => feature);
  const y = {
    field: 'feature',
    type: 'nominal',
    sort: order,
    axis: { title: null, ticks: false, domain: false, labelLimit: 220 },
  };
  const x = {
    field: 'share',
    type: 'quantitative',
    scale: { domainMin: 0 },
    axis: { title: 'Share of the total gain (%)', format: '.0%', tickCount: 6 },
  };
  return picture('Feature importance (gain)', found, {
    height: { step: 24 },
    data: { values },
    encoding: { x, y },
    layer: [
      { mark: { type: 'bar', color: LOOK.model.colour, height: { band: 0.7 } } },
      {
        mark: { type: 'text', align: 'left', dx: 4, color: '#333333', fontSize: 11 },
        encoding: { text: { field: 'share', type: 'quantitative', format: '.1%' } },
      },
    ],
  });
};
