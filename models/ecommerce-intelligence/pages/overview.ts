// How the shop does, day by day: revenue, orders and active users, for the person who asks every morning.
import { count, counted, largest, numberIn, percent, share, short, textIn, total } from '../../../core/report/words.ts';
import type { Page, Row } from '../../../core/use-case.ts';

const DAY_AXIS = {
  field: 'day',
  type: 'temporal',
  title: null,
  axis: { format: '%d %b', tickCount: 8, labelOverlap: true },
};

const line = (field: string, color: string) => ({
  mark: { type: 'line', color },
  encoding: {
    x: DAY_AXIS,
    y: { field, type: 'quantitative', title: null, axis: { format: '~s', tickCount: 4 } },
  },
});

/** Newest days against as many before them: four weeks, or half of what there is. */
const trend = (days: readonly Row[]): string => {
  const span = Math.min(28, Math.floor(days.length / 2));
  if (span < 3) return `${counted(days.length, 'day')} of data are too few to speak of a trend.`;
  const now = total(days.slice(-span), 'revenue');
  const before = total(days.slice(-2 * span, -span), 'revenue');
  if (before === 0) return `Revenue was ${short(now)} in the last ${span} days, after none in the ${span} before.`;
  const change = now / before - 1;
  const window = `in the last ${counted(span, 'day')} against the ${count(span)} before, to ${short(now)}`;
  if (Math.abs(change) < 0.005) return `Revenue stood still ${window}.`;
  return `Revenue ${change > 0 ? 'grew' : 'fell'} ${percent(Math.abs(change))} ${window}.`;
};

const findings = ({ daily = [] }: Readonly<Record<string, readonly Row[]>>): readonly string[] => {
  if (daily.length === 0) return ['No day has any event yet.'];
  const orders = total(daily, 'orders');
  const revenue = total(daily, 'revenue');
  const best = largest(daily, 'revenue');
  const first = textIn(daily[0], 'day');
  const last = textIn(daily.at(-1), 'day');
  return [
    trend(daily),
    `${counted(orders, 'order')} brought ${short(revenue)} between ${first} and ${last}: ${share(revenue, orders).toFixed(2)} an order.`,
    `The best day was ${textIn(best, 'day')} with ${short(numberIn(best, 'revenue'))}, ${percent(share(numberIn(best, 'revenue'), revenue))} of all revenue.`,
    `On an average day ${counted(Math.round(total(daily, 'active_users') / daily.length), 'user was active', 'users were active')}.`,
  ];
};

export const overview: Page = {
  name: 'overview',
  title: 'The shop, day by day',
  question: 'How much is sold, to how many, and where is it going?',
  queries: {
    daily: `select event_date::varchar as day, revenue::double as revenue, orders::double as orders,
        active_users::double as active_users, events::double as events, items::double as items, returned::double as returned,
        average_order_value::double as average_order_value
      from gold.fact_daily_kpis where source = getvariable('source') order by event_date`,
  },
  findings,
  charts: [
    {
      title: 'Revenue a day',
      query: 'daily',
      spec: {
        usermeta: { span: 'full' },
        height: 240,
        mark: { type: 'area', color: 'var(--c1)', opacity: 0.16, line: { color: 'var(--c1)' } },
        encoding: {
          x: DAY_AXIS,
          y: { field: 'revenue', type: 'quantitative', title: null, axis: { format: '~s', tickCount: 5 } },
        },
      },
    },
    { title: 'Orders a day', query: 'daily', spec: line('orders', 'var(--c2)') },
    { title: 'Active users a day', query: 'daily', spec: line('active_users', 'var(--c3)') },
  ],
};
