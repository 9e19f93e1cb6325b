// The feature catalogue: what is defined holds together, and a wrong definition is named; versions change with what a view says.
import { describe, expect, it } from 'vitest';
import { checkFeatures } from '../../core/feature-catalogue.ts';
import { olderViews, onlineName, tableOfOnline, versioned } from '../../core/feature-version.ts';
import type { PlannedTable } from '../../core/plan.ts';
import type { UseCase } from '../../core/use-case.ts';
import { ecommerceIntelligence } from '../../models/ecommerce-intelligence/index.ts';
import { useCases } from '../../models/index.ts';

const [view] = ecommerceIntelligence.featureViews;
if (!view) throw new Error('no view');
const [model] = ecommerceIntelligence.models;
if (!model) throw new Error('no model');

describe('the catalogue', () => {
  it('holds together', () => {
    for (const useCase of useCases) expect(() => checkFeatures(useCase)).not.toThrow();
  });

  const wrongs: readonly (readonly [string, Partial<UseCase>, RegExp])[] = [
    ['a view of nobody', { featureViews: [{ ...view, entity: 'shop_id' }] }, /shop_id.*user_id/],
    ['a view without a table', { featureViews: [{ ...view, table: 'features.none' }] }, /features\.none/],
    ['two views of one name', { featureViews: [view, view] }, /customer_daily/],
    [
      'two features of one name',
      { featureViews: [{ ...view, features: [...view.features, ...view.features.slice(0, 1)] }] },
      /total_events/,
    ],
    [
      'a feature called like the key',
      {
        featureViews: [
          { ...view, features: view.features.map((one, i) => (i === 0 ? { ...one, name: 'as_of' } : one)) },
        ],
      },
      /as_of/,
    ],
    ['a TTL of nothing', { featureViews: [{ ...view, ttlDays: 0 }] }, /TTL/],
    [
      'a service of no view',
      { featureServices: [{ name: 's', description: '', owner: '', view: 'none', features: [] }] },
      /none/,
    ],
    [
      'a service with a strange feature',
      { featureServices: [{ name: 's', description: '', owner: '', view: view.name, features: ['luck'] }] },
      /luck/,
    ],
    ['a model of no service', { models: [{ ...model, featureService: 'none' }] }, /none/],
    [
      'a model that reads past its service',
      { models: [{ ...model, features: ['purchase_momentum'] }] },
      /purchase_momentum/,
    ],
    ['a model of no view', { models: [{ ...model, featureView: 'none' }] }, /none/],
  ];
  it.each(wrongs)('refuses %s', (_what, wrong, said) => {
    expect(() => checkFeatures({ ...ecommerceIntelligence, ...wrong })).toThrow(said);
  });
});

describe('versions', () => {
  const table = (name: PlannedTable['name'], sql: string, inputs: PlannedTable['inputs'] = []): PlannedTable => ({
    name,
    sql,
    inputs,
    description: '',
    grain: '',
    key: [],
    laws: [],
  });
  const tables = [
    table('features.customer_daily', 'select 1', ['features.customer_sessions', 'silver.events']),
    table('features.customer_sessions', 'select 2', ['silver.events']),
    table('silver.events', 'select 3'),
  ];
  const change = (name: string, sql: string) => tables.map((one) => (one.name === name ? { ...one, sql } : one));
  const { version } = versioned(view, tables);

  it('change with the SQL of the view, and of feature tables behind it', () => {
    expect(versioned(view, change('features.customer_daily', 'select 9')).version).not.toBe(version);
    expect(versioned(view, change('features.customer_sessions', 'select 9')).version).not.toBe(version);
  });

  it('change with names and kinds of features, and with the entity', () => {
    expect(versioned({ ...view, features: view.features.slice(1) }, tables).version).not.toBe(version);
    expect(versioned({ ...view, entity: 'other' }, tables).version).not.toBe(version);
  });

  it('stay with the data, with the owner and with what is said of it', () => {
    expect(versioned(view, change('silver.events', 'select 9')).version).toBe(version);
    expect(versioned({ ...view, owner: 'them', description: '', tags: [], ttlDays: 1 }, tables).version).toBe(version);
    expect(version).toMatch(/^[0-9a-f]{12}$/);
  });

  it('name the rows online, and from there the table', () => {
    const name = onlineName({ table: view.table, version });
    expect(name).toBe(`features.customer_daily@${version}`);
    expect([tableOfOnline(name), tableOfOnline(view.table)]).toEqual([view.table, view.table]);
    expect(onlineName({ table: view.table })).toBe(view.table);
  });

  it('leave nobody behind: a champion that pins none keeps the rows without one', () => {
    const now = versioned(view, tables);
    const names = (champion: Parameters<typeof olderViews>[1]) => olderViews(now, champion).map(onlineName);
    expect(names(undefined)).toEqual([]);
    expect(names({ lineage: { features: { view: view.name, version: 'a'.repeat(12) } } })).toEqual([]);
    expect(names({ lineage: {} })).toEqual([view.table]);
    expect(olderViews(view, { lineage: {} })).toEqual([]);
  });
});
