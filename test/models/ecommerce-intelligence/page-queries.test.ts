// The pages' queries against the tables as they are really built, for both sources: names and types agree, and every chart has numbers.
import { describe, expect, it } from 'vitest';
import { pages } from '../../../models/ecommerce-intelligence/pages/index.ts';
import { CLICKS, INVOICES } from './golden-rows.ts';
import { told } from './story.ts';

describe.each([
  ['clickstream', CLICKS],
  ['invoices', INVOICES],
] as const)('over %s', (source, deliveries) => {
  it('run, and give JSON-safe numbers rather than digits in text', async () => {
    const asOf = '2030-01-01';
    const db = await told(deliveries, { asOf, cuts: [asOf], source });
    await db.run('create table bronze.quarantine (source varchar, column_name varchar, reason varchar)');
    const found: Record<string, number> = {};
    for (const page of pages) {
      for (const [name, sql] of Object.entries(page.queries)) {
        const rows = await db.rows(sql);
        found[`${page.name}.${name}`] = rows.length;
        const digits = rows.flatMap((row) =>
          Object.entries(row).filter(([, value]) => /^-?\d+\.\d+$/.test(String(value)) && typeof value === 'string'),
        );
        expect(digits).toEqual([]);
      }
      const datasets = Object.fromEntries(
        await Promise.all(Object.entries(page.queries).map(async ([name, sql]) => [name, await db.rows(sql)] as const)),
      );
      expect(page.findings(datasets)[0]).toMatch(/\.$/);
    }
    db.close();
    expect(found).toMatchObject({ 'overview.daily': expect.any(Number), 'quality.sources': 1 });
    expect(found['overview.daily']).toBeGreaterThan(0);
    expect(found['funnel.stages']).toBe(source === 'clickstream' ? 3 : 0);
  }, 60_000);
});
