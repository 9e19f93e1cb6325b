// A customer's last visit, folded from the stream of clicks: what a shop knows seconds after a click, long before the next run.
// For whoever holds the stream: fold, then push to `/features/customer_last_visit/push`.
import { readFileSync } from 'node:fs';
import type { FoldView } from '../../../core/feature-view.ts';
import { customer } from '../feature-views.ts';

/** One event of one customer; they come in order of time. */
export interface Click {
  readonly eventType: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** The visit that is going on, or was the last. */
export interface Visit {
  readonly events: number;
  readonly carts: number;
  readonly begun: number;
  readonly latest: number;
}

/** A longer pause begins a new visit; as for `silver.sessions`. */
const PAUSE_MS = 30 * 60_000;

export const lastVisit: FoldView<Visit | null, Click> = {
  name: 'customer_last_visit',
  table: 'features.customer_last_visit',
  entity: customer.joinKey,
  description: 'The visit that is going on, or was the last',
  owner: customer.owner,
  tags: ['customer', 'streaming'],
  ttlDays: 30,
  features: [
    { name: 'visit_events', kind: 'numeric', description: 'Events of the last visit' },
    { name: 'visit_carts', kind: 'numeric', description: 'Products put into the cart during the last visit' },
    { name: 'visit_seconds', kind: 'numeric', description: 'From its first event to its last' },
  ],
  start: null,
  advance: (visit, { eventType, time }) => {
    const carts = eventType === 'cart' ? 1 : 0;
    if (visit === null || time - visit.latest > PAUSE_MS) return { events: 1, carts, begun: time, latest: time };
    return { ...visit, events: visit.events + 1, carts: visit.carts + carts, latest: time };
  },
  featuresOf: (visit) => ({
    visit_events: visit?.events ?? null,
    visit_carts: visit?.carts ?? null,
    visit_seconds: visit === null ? null : (visit.latest - visit.begun) / 1000,
  }),
  sql: readFileSync(new URL('./last_visit.sql', import.meta.url), 'utf8'),
};
