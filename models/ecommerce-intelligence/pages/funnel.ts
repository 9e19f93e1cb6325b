// Where visits end: sessions that view, put into the cart, and buy, with the rates between the steps.
import { counted, numberIn, percent, share } from '../../../core/report/words.ts';
import type { Page, Row } from '../../../core/use-case.ts';

const findings = ({ stages = [], daily = [] }: Readonly<Record<string, readonly Row[]>>): readonly string[] => {
  const [view, cart, purchase] = ['view', 'cart', 'purchase'].map((stage) =>
    numberIn(
      stages.find((row) => row.stage === stage),
      'sessions',
    ),
  );
  if (!view) return ['This source records purchases only, so there is no funnel to show.'];
  if (!cart) return [`None of ${counted(view, 'session')} with a view put anything into the cart.`];
  const bought = purchase ?? 0;
  const best = daily.filter((row) => numberIn(row, 'views') >= 100);
  const rates = best.map((row) => numberIn(row, 'view_to_purchase'));
  return [
    `${percent(1 - share(bought, cart))} of carts are abandoned: of ${counted(cart, 'session')} with a cart, ${counted(bought, 'goes on to buy', 'go on to buy')}.`,
    `${percent(share(cart, view))} of the sessions that view a product put one into the cart, and ${percent(share(bought, view))} buy.`,
    ...(rates.length > 1
      ? [
          `From day to day between ${percent(Math.min(...rates))} and ${percent(Math.max(...rates))} of viewing sessions buy.`,
        ]
      : []),
  ];
};

export const funnel: Page = {
  name: 'funnel',
  title: 'From look to purchase',
  question: 'Where do visits end without a purchase?',
  queries: {
    stages: `with totals as (
        select sum(reached_view)::double as view, sum(reached_cart)::double as cart, sum(reached_purchase)::double as purchase
        from gold.funnel_daily where source = getvariable('source') having sum(sessions_with_view) > 0)
      select stage, sessions, sessions / nullif(view, 0) as share_of_first
      from (select view, unnest(['view', 'cart', 'purchase']) as stage, unnest([view, cart, purchase]) as sessions,
          unnest([1, 2, 3]) as position from totals)
      order by position`,
    daily: `select session_date::varchar as day, reached_view::double as views, reached_cart::double as carts,
        reached_purchase::double as purchases, (reached_purchase / nullif(reached_view, 0))::double as view_to_purchase
      from gold.funnel_daily where source = getvariable('source') and sessions_with_view > 0 order by session_date`,
  },
  findings,
  charts: [
    {
      title: 'Sessions that reach each step',
      query: 'stages',
      spec: {
        height: 220,
        transform: [
          { calculate: "format(datum.sessions, ',.0f') + ' · ' + format(datum.share_of_first, '.1%')", as: 'label' },
        ],
        encoding: {
          y: { field: 'stage', type: 'nominal', sort: null, title: null, axis: { domain: false, labelFontSize: 13 } },
          x: { field: 'sessions', type: 'quantitative', axis: null, scale: { domainMin: 0 } },
        },
        layer: [
          { mark: { type: 'bar', height: { band: 0.42 }, yOffset: 8 } },
          {
            mark: { type: 'text', align: 'left', dy: -16, fontSize: 12 },
            encoding: { text: { field: 'label' }, x: { datum: 0 } },
          },
        ],
      },
    },
    {
      title: 'Viewing sessions that buy, by day',
      query: 'daily',
      spec: {
        mark: { type: 'line', color: 'var(--c3)' },
        encoding: {
          x: {
            field: 'day',
            type: 'temporal',
            title: null,
            axis: { format: '%d %b', tickCount: 6, labelOverlap: true },
          },
          y: { field: 'view_to_purchase', type: 'quantitative', title: null, axis: { format: '.1%', tickCount: 5 } },
        },
      },
    },
  ],
};
