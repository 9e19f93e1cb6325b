// What a publication keeps of a run: facts, findings, drawn charts and the rows behind them. Written by publish, read by the live pages.
import { z } from 'zod';

const Cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const RowSchema = z.record(z.string(), Cell);

const Chart = z.strictObject({
  title: z.string(),
  /** Name of the dataset it draws. */
  query: z.string(),
  /** Takes the whole row. */
  full: z.boolean(),
  /** The same chart drawn for a wide and for a narrow page. */
  svg: z.strictObject({ wide: z.string(), narrow: z.string() }).optional(),
});

const Page = z.strictObject({
  name: z.string(),
  title: z.string(),
  question: z.string(),
  findings: z.array(z.string()),
  charts: z.array(Chart),
  datasets: z.record(z.string(), z.array(RowSchema)),
});

export const PublishedReport = z.strictObject({
  format: z.literal(1),
  useCase: z.string(),
  title: z.string(),
  env: z.string(),
  run: z.string(),
  asOf: z.string(),
  /** Newest lake snapshot read. */
  snapshot: z.number(),
  pins: z.array(z.strictObject({ table: z.string(), snapshot: z.number() })),
  /** Facts about the run for the head of the page, e.g. Source: clickstream. */
  facts: z.array(z.strictObject({ label: z.string(), value: z.string() })),
  pages: z.array(Page),
});

export type PublishedReport = z.infer<typeof PublishedReport>;
export type PublishedPage = PublishedReport['pages'][number];
export type PublishedChart = PublishedPage['charts'][number];
