// The use case as a whole: every file has its promise, every promise its file, and what the model asks for is there.
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { columnsOf } from '../../../core/contract.ts';
import { PerennialError } from '../../../core/errors.ts';
import { useCaseNamed } from '../../../core/use-case.ts';
import { useCases } from '../../../models/index.ts';
import { brokenLaws, lines, openTables, setMoments } from '../../support/tables.ts';
import { CLICKS, INVOICES } from './golden-rows.ts';
import { ORDER, told } from './story.ts';

const useCase = useCaseNamed(useCases, 'ecommerce-intelligence');
const SETTINGS = { asOf: '2024-01-09', cuts: ['2024-01-02', '2024-01-03'], source: 'clickstream', labelDays: 5 };

test('an unknown use case is named, with those that are known', () => {
  expect(() => useCaseNamed(useCases, 'nope')).toThrow(PerennialError);
  expect(() => useCaseNamed(useCases, 'nope')).toThrow(/nope.*ecommerce-intelligence/);
  expect(useCases.map(({ name }) => name)).toContain('ecommerce-intelligence');
});

test('contracts can be read', () => {
  for (const source of useCase.sources) expect(columnsOf(source).length).toBeGreaterThan(7);
});

describe('tables', () => {
  test('files and promises agree', () => {
    const folder = new URL('../../../models/ecommerce-intelligence/', import.meta.url);
    const files = ['silver', 'gold', 'features'].flatMap((layer) =>
      readdirSync(new URL(layer, folder))
        .filter((name) => name.endsWith('.sql'))
        .map((name) => `${layer}.${name.slice(0, -4)}`),
    );
    expect(useCase.tables.map(({ name }) => name).sort()).toEqual(files.sort());
    expect([...ORDER].sort()).toEqual(files.sort());
  });

  test('each has a grain, a key that holds the column it is incremental by, a law, and at most 120 lines', () => {
    for (const { name, grain, key, laws, incremental, sql } of useCase.tables) {
      expect(grain, name).toMatch(/^one row per /);
      expect(laws.length, name).toBeGreaterThan(0);
      if (incremental) expect(key, name).toContain(incremental.by);
      expect(sql.split('\n').length, name).toBeLessThanOrEqual(120);
      expect(sql, name).toMatch(/^-- /);
      expect(sql, name).not.toMatch(/\b(now\(\)|current_date|current_timestamp|random\(\)|any_value)/i);
    }
  });

  test('inputs can be read off the SQL: json_serialize_sql accepts every select', async () => {
    const db = await openTables(useCase);
    for (const { name, sql } of useCase.tables) {
      const [row] = await db.rows(`select json_serialize_sql('${sql.replaceAll("'", "''")}')::varchar as tree`);
      expect(JSON.parse(String(row?.tree)).error, name).toBe(false);
    }
    db.close();
  });

  test('no column has a type that the lake would bend', async () => {
    const db = await told([...CLICKS, ...INVOICES], SETTINGS);
    for (const name of ORDER) {
      const types = await lines(db, `select column_type from (describe ${name})`);
      expect(
        types.filter((type) => /HUGEINT|^U(TINY|SMALL|BIG|INT)|ENUM|STRUCT|MAP|\[\]/.test(type)),
        name,
      ).toEqual([]);
    }
    db.close();
  });

  test('an empty lake gives empty tables, and breaks no law', async () => {
    const db = await told([], SETTINGS);
    for (const name of ORDER) expect(await db.number(`select count(*) from ${name}`), name).toBe(0);
    db.close();
  });
});

describe('laws bite', () => {
  /** A wrong row, and the law that must name it. */
  const wrongs: readonly (readonly [string, string, string])[] = [
    ['silver.sessions', 'update silver.sessions set revenue = revenue + 1 where user_id = 1', 'revenue is conserved'],
    ['silver.sessions', 'delete from silver.sessions where user_id = 3', 'sessions partition the events'],
    ['silver.events', "update silver.events set price = -1 where event_type = 'view'", 'amounts are not negative'],
    [
      'silver.row_accounting',
      'update silver.row_accounting set loaded = loaded + 1',
      'the books agree with the ledger',
    ],
    ['gold.dim_users', "update gold.dim_users set valid_to = date '2024-01-05' where not is_current", 'no gap'],
    ['gold.dim_products', "delete from gold.dim_products where product_id = '1'", 'every product is here'],
    ['gold.dim_dates', "delete from gold.dim_dates where event_date = date '2012-02-02'", 'no day is missing'],
    ['gold.fact_sessions', 'update gold.fact_sessions set cart_abandoned = converted', 'never both'],
    ['gold.fact_orders', 'update gold.fact_orders set revenue = 0', 'revenue is conserved'],
    ['gold.fact_daily_kpis', 'update gold.fact_daily_kpis set events = events + 1', 'events are conserved'],
    ['gold.funnel_daily', 'update gold.funnel_daily set reached_purchase = sessions + 1', 'the funnel only narrows'],
    ['gold.rfm', 'update gold.rfm set r_score = 0', 'scores are quintiles'],
    ['gold.cohort_retention', 'delete from gold.cohort_retention', 'every user is in one cohort'],
    ['features.customer_daily', 'update features.customer_daily set recency_days = -0.5', 'nothing at or after'],
    ['features.purchase_label', 'update features.purchase_label set label = 2', 'a label is 0 or 1'],
  ];

  test.each(wrongs)('%s: %s', async (name, wrong, law) => {
    const db = await told([...CLICKS, ...INVOICES], SETTINGS);
    await setMoments(db, SETTINGS);
    const table = useCase.tables.find((candidate) => candidate.name === name);
    if (!table) throw new Error(`no table ${name}`);
    expect(await brokenLaws(db, table, name)).toEqual([]);
    await db.run(wrong);
    expect((await brokenLaws(db, table, name)).join()).toContain(law);
    db.close();
  });
});

test('the model asks for features that its view has, in one order', () => {
  for (const model of useCase.models) {
    const view = useCase.featureViews.find(({ name }) => name === model.featureView);
    const asked = view?.features.map(({ name }) => name).filter((name) => model.features.includes(name));
    expect(model.features).toEqual(asked);
    expect(useCase.tables.map(({ name }) => name)).toContain(model.label.table);
  }
});

test('feature view and table have the same columns, in the same order', async () => {
  const db = await told(CLICKS, SETTINGS);
  for (const { table, entity, features, knownAt } of useCase.featureViews) {
    const columns = await lines(db, `select column_name from (describe ${table})`);
    expect(columns).toEqual([entity, 'as_of', ...features.map(({ name }) => name), knownAt]);
  }
  db.close();
});
