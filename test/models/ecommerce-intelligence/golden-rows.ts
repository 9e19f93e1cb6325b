// The rows of the story: two shops, a week of clicks, three days of invoices.
import type { Delivery } from './story.ts';

/** event_time, event_type, product_id, category_id, category_code, brand, price, user_id, user_session */
export const CLICKS: readonly Delivery[] = [
  {
    file: 'c1',
    source: 'clickstream',
    rows: [
      '2024-01-01 10:00:00, view, 1, 9, home.lamp, acme, 12.50, 1, a',
      '2024-01-01 10:00:00, view, 1, 9, home.lamp, acme, 12.50, 1, a',
      '2024-01-01 10:05:00, cart, 1, 9, home.lamp, acme, 12.50, 1, a',
      '2024-01-01 10:09:00, purchase, 1, 9, home.lamp, acme, 12.50, 1, a',
      '2024-01-01 23:50:00, view, 2, 8, , zeta, 3.00, 2, b',
      '2024-01-01 23:59:00, cart, 2, 8, , zeta, 3.00, 2, b',
      '2024-01-02 00:10:00, view, 1, 9, home.lamp, acme, 12.50, 2, b',
    ],
  },
  {
    file: 'c2',
    source: 'clickstream',
    rows: [
      '2024-01-02 09:00:00, view, 2, 8, , zeta, 3.10, 1,',
      '2024-01-02 09:30:00, view, 2, 8, , zeta, 3.10, 1,',
      '2024-01-02 10:00:01, purchase, 2, 8, , zeta, 3.10, 1,',
      // Delivered again by another file: one event.
      '2024-01-01 23:59:00, cart, 2, 8, , zeta, 3.00, 2, b',
      // A new price band and, in one step, a new brand.
      '2024-01-08 12:00:00, view, 2, 8, home.rug, omega, 5.20, 3, c',
    ],
  },
  { file: 'c0', source: 'clickstream', status: 'superseded', rows: ['2024-01-03 10:00:00, view, 1, , , , 1.00, 9, d'] },
];

/** InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country */
export const INVOICES: readonly Delivery[] = [
  {
    file: 'i1',
    source: 'invoices',
    rows: [
      '500001, 10001, RED CUP, 6, 2011-01-03 09:00:00, 1.250, 100, France',
      // Scanned twice, billed twice.
      '500001, 10001, RED CUP, 6, 2011-01-03 09:00:00, 1.250, 100, France',
      '500001, POST, POSTAGE, 1, 2011-01-03 09:00:00, 18.000, 100, France',
      '500002, 10002, BLUE CUP, 1, 2011-01-03 09:10:00, 2.000, , France',
      '500003, 10002, , 5, 2011-01-03 09:20:00, 0.000, 101, Spain',
      '500004, 10002, BLUE CUP, 2, 2011-01-03 10:00:00, 2.000, 101, Spain',
    ],
  },
  {
    file: 'i2',
    source: 'invoices',
    rows: [
      // The same line as in i1: it counts once more only there.
      '500004, 10002, BLUE CUP, 2, 2011-01-03 10:00:00, 2.000, 101, Spain',
      'C500005, 10001, RED CUP, -2, 2011-01-05 08:00:00, 1.250, 100, France',
      'C500006, D, Discount, -1, 2011-01-05 08:30:00, 5.000, 100, France',
      'A500007, B, Adjust bad debt, 1, 2011-01-05 09:00:00, -11.000, , Spain',
      '500008, 10001, RED CUP, 1, 2011-01-05 10:00:00, 1.250, 101, Malta',
    ],
  },
];
