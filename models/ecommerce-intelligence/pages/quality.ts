// What arrived and what was refused: every row that came in is either loaded or in quarantine, with the reason.
import { count, counted, numberIn, percent, share, textIn, total } from '../../../core/report/words.ts';
import type { Page, Row } from '../../../core/use-case.ts';

const findings = ({ sources = [], reasons = [] }: Readonly<Record<string, readonly Row[]>>): readonly string[] => {
  const rowsIn = total(sources, 'rows_in');
  const loaded = total(sources, 'loaded');
  const quarantined = total(sources, 'quarantined');
  if (rowsIn === 0) return ['No row has arrived yet.'];
  const balance = `${count(rowsIn)} rows in = ${count(loaded)} loaded + ${count(quarantined)} quarantined`;
  const [top] = reasons;
  const refused = total(sources, 'refused_files');
  return [
    rowsIn === loaded + quarantined
      ? `Every row is accounted for: ${balance}.`
      : `Rows are missing: ${balance} does not hold.`,
    quarantined === 0
      ? 'No row was refused.'
      : `${percent(share(quarantined, rowsIn))} of the rows were refused${top ? `, most often because: ${textIn(top, 'reason')} (${counted(numberIn(top, 'rows'), 'row')})` : ''}.`,
    `The rows came in ${counted(total(sources, 'files'), 'file')}${refused > 0 ? `, ${counted(refused, 'of which was refused whole', 'of which were refused whole')}` : ''}.`,
  ];
};

export const quality: Page = {
  name: 'quality',
  title: 'The data themselves',
  question: 'What arrived, what was refused, and why?',
  queries: {
    reasons: `select concat_ws(' · ', source, column_name) as where_it_stood, reason, count(*)::double as rows
      from bronze.quarantine group by source, column_name, reason order by rows desc, source, column_name, reason limit 15`,
    sources: `select source, count(*)::double as files, count(*) filter (where status = 'refused')::double as refused_files,
        sum(rows_in)::double as rows_in, sum(loaded)::double as loaded, sum(quarantined)::double as quarantined
      from bronze.files group by source order by source`,
    days: `select day::varchar as day, sum(loaded)::double as loaded, sum(quarantined)::double as quarantined
      from (select list_min(days) as day, loaded, quarantined from bronze.files where len(days) > 0) group by day order by day`,
    where_loaded_rows_went: `select source, sum(loaded)::double as loaded, sum(events)::double as events, sum(returns)::double as returns,
        sum(repeats)::double as repeats, sum(without_customer)::double as without_customer, sum(adjustments)::double as adjustments,
        sum(without_price)::double as without_price
      from silver.row_accounting group by source order by source`,
  },
  findings,
  charts: [
    {
      title: 'Rows loaded, by the first day their file touches',
      query: 'days',
      spec: {
        mark: { type: 'area', color: 'var(--c1)', opacity: 0.16, line: { color: 'var(--c1)' } },
        encoding: {
          x: {
            field: 'day',
            type: 'temporal',
            title: null,
            axis: { format: '%d %b', tickCount: 6, labelOverlap: true },
          },
          y: { field: 'loaded', type: 'quantitative', title: null, axis: { format: '~s', tickCount: 4 } },
        },
      },
    },
    {
      title: 'Rows in quarantine, by reason',
      query: 'reasons',
      spec: {
        usermeta: { rows: { field: 'reason', step: 30 } },
        transform: [
          { calculate: "datum.where_it_stood + ': ' + datum.reason", as: 'why' },
          { calculate: "format(datum.rows, ',.0f') + '  ' + datum.why", as: 'label' },
        ],
        encoding: {
          y: { field: 'why', type: 'nominal', sort: null, axis: null },
          x: { field: 'rows', type: 'quantitative', axis: null, scale: { domainMin: 0 } },
        },
        layer: [
          { mark: { type: 'bar', color: 'var(--c2)', opacity: 0.3 } },
          {
            mark: { type: 'text', align: 'left', dx: 6, limit: { expr: 'width - 12' } },
            encoding: { text: { field: 'label' }, x: { datum: 0 } },
          },
        ],
      },
    },
  ],
};
