// Who buys, and who comes back: RFM segments beside their share of revenue, and the retention of monthly cohorts.
import { counted, largest, numberIn, percent, share, textIn, total } from '../../../core/report/words.ts';
import type { Page, Row } from '../../../core/use-case.ts';

const named = (rows: readonly Row[], segment: string): Row | undefined => rows.find((row) => row.segment === segment);

const standing = (segment: Row, label: string): string =>
  `${label} are ${percent(numberIn(segment, 'share_of_customers'))} of buyers and ${percent(numberIn(segment, 'share_of_revenue'))} of revenue.`;

const retention = (cohorts: readonly Row[]): readonly string[] => {
  const next = cohorts.filter((row) => numberIn(row, 'month') === 1);
  if (next.length === 0) return ['No cohort is old enough yet to see who came back.'];
  const back = share(total(next, 'active'), total(next, 'users'));
  const best = largest(next, 'retention');
  return [
    `${percent(back)} of newcomers are back in the month after their first; the cohort of ${textIn(best, 'cohort')} did best with ${percent(numberIn(best, 'retention'))}.`,
  ];
};

const findings = ({ segments = [], cohorts = [] }: Readonly<Record<string, readonly Row[]>>): readonly string[] => {
  const champions = named(segments, 'Champions');
  const lost = named(segments, 'Lost');
  const top = largest(segments, 'revenue');
  if (!top) return ['Nobody has bought anything yet.'];
  const atRisk = segments.find((row) => textIn(row, 'segment').startsWith("Can't Lose"));
  return [
    champions ? standing(champions, 'Champions') : standing(top, textIn(top, 'segment')),
    ...(atRisk
      ? [
          `${counted(numberIn(atRisk, 'customers'), 'frequent buyer has', 'frequent buyers have')} gone quiet (${textIn(atRisk, 'segment')}): they stand for ${percent(numberIn(atRisk, 'share_of_revenue'))} of revenue.`,
        ]
      : []),
    ...(lost ? [standing(lost, 'Lost customers')] : []),
    ...retention(cohorts),
  ];
};

const SEGMENT_ORDER = {
  field: 'segment',
  type: 'nominal',
  sort: null,
  title: null,
  axis: { domain: false, labelFontSize: 12 },
};

export const customers: Page = {
  name: 'customers',
  title: 'The customers',
  question: 'Who carries the revenue, and who comes back?',
  queries: {
    segments: `select segment, count(*)::double as customers, sum(monetary)::double as revenue,
        (count(*) / sum(count(*)) over ())::double as share_of_customers,
        (sum(monetary)::double / nullif(sum(sum(monetary)) over (), 0)::double) as share_of_revenue
      from gold.rfm group by segment order by revenue desc, segment`,
    cohorts: `select strftime(cohort, '%Y-%m') as cohort, periods_since::double as month, cohort_users::double as users,
        users::double as active, buyers::double as buyers, retention::double as retention
      from gold.cohort_retention where period = 'month' order by cohort, periods_since`,
  },
  findings,
  charts: [
    {
      title: 'Segments: share of buyers beside share of revenue',
      query: 'segments',
      spec: {
        usermeta: { span: 'full', rows: { field: 'segment', step: 44 } },
        transform: [
          { fold: ['share_of_customers', 'share_of_revenue'], as: ['kind', 'share'] },
          { calculate: "datum.kind === 'share_of_customers' ? 'of buyers' : 'of revenue'", as: 'of' },
        ],
        encoding: {
          y: SEGMENT_ORDER,
          yOffset: { field: 'of', scale: { paddingInner: 0.1 } },
          x: { field: 'share', type: 'quantitative', axis: null },
        },
        layer: [
          { mark: { type: 'bar' }, encoding: { color: { field: 'of', type: 'nominal', title: null } } },
          {
            mark: { type: 'text', align: 'left', dx: 5 },
            encoding: { text: { field: 'share', format: '.1%' } },
          },
        ],
      },
    },
    {
      title: 'Of each month’s newcomers, per cent who are active n months later',
      query: 'cohorts',
      spec: {
        usermeta: { span: 'full', rows: { field: 'cohort', step: 26 } },
        transform: [{ filter: 'datum.month > 0' }],
        encoding: {
          y: { field: 'cohort', type: 'ordinal', title: null, axis: { domain: false } },
          x: {
            field: 'month',
            type: 'ordinal',
            title: 'months after the first',
            axis: { orient: 'top', labelAngle: 0, format: 'd', domain: false },
          },
        },
        layer: [
          {
            mark: { type: 'rect', color: 'var(--c1)', cornerRadius: 2, stroke: 'var(--card)', strokeWidth: 2 },
            encoding: {
              opacity: {
                field: 'retention',
                type: 'quantitative',
                scale: { domainMin: 0, range: [0.06, 0.75] },
                legend: null,
              },
            },
          },
          {
            mark: { type: 'text', fontSize: 10 },
            encoding: { text: { field: 'percent' } },
            transform: [{ calculate: "format(datum.retention * 100, '.0f')", as: 'percent' }],
          },
        ],
      },
    },
  ],
};
