// The feature routes over a store in memory: what may be pushed, what is told, and what is refused in which words.
import { describe, expect, it } from 'vitest';
import type { WrittenRow } from '../../adapters/postgres/online-store.ts';
import { lastVisit } from '../../models/ecommerce-intelligence/folds/last-visit.ts';
import { buildApp } from '../../serving/app.ts';
import { postgresFeatureStore } from '../../serving/feature-store.ts';
import { ModelKeeper } from '../../serving/keeper.ts';
import { fakeAccess } from '../serving/fake-access.ts';
import { FakeSource, NOW, quiet, served } from '../serving/fakes.ts';

const VERSION = 'a'.repeat(12);
const version = {
  view: 'customer_daily',
  version: VERSION,
  useCase: 'shop',
  table: 'features.customer_daily',
  entity: 'user_id',
  features: [
    { name: 'spend', kind: 'numeric' as const },
    { name: 'brand', kind: 'categorical' as const },
  ],
  owner: null,
  ttlDays: null,
  materializedAt: '2025-05-01T00:00:00.000Z',
};

const appOver = async (down = false) => {
  const rows = new Map<string, WrittenRow & { readonly expired?: true }>();
  const store = postgresFeatureStore(
    { versions: async (view) => (view === version.view ? [version] : []) },
    {
      read: async (name, [entity = '']) => {
        const row = rows.get(`${name}/${entity}`);
        return new Map(row ? [[entity, row]] : []);
      },
      push: async (name, given) => {
        if (down) throw new Error('connect ECONNREFUSED 10.0.0.7');
        for (const row of given) rows.set(`${name}/${row.entity}`, row);
        return given.length;
      },
    },
    [lastVisit],
  );
  const keeper = new ModelKeeper({ models: [served], source: new FakeSource(), log: quiet, now: () => NOW });
  const online = { read: async () => new Map(), reachable: async () => true };
  const app = await buildApp({
    environment: 'dev',
    defaultModel: served.name,
    keeper,
    online,
    featureStore: store,
    access: fakeAccess(),
    reports: { latest: async () => undefined },
    now: () => NOW,
  });
  const push = async (view: string, row: object) => {
    const reply = await app.inject({ method: 'POST', url: `/features/${view}/push`, payload: { rows: [row] } });
    return { status: reply.statusCode, body: reply.json() };
  };
  return { app, push, rows };
};

const row = { entity: '7', event_time: '2025-05-02T09:59:00Z', values: { spend: 12.5, brand: null } };

it('what expired is told as expired, with what it was', async () => {
  const { app, rows } = await appOver();
  const told = async () => (await app.inject(`/features/customer_daily/7`)).json();
  const held = {
    entity: '7',
    values: row.values,
    eventTime: '2025-01-01T00:00:00.000Z',
    knownAt: '2025-01-01T00:00:00.000Z',
  };
  rows.set(`features.customer_daily@${VERSION}/7`, held);
  expect(await told()).not.toHaveProperty('expired');
  rows.set(`features.customer_daily@${VERSION}/7`, { ...held, expired: true });
  expect(await told()).toMatchObject({ values: row.values, expired: true });
});

describe('push', () => {
  it('takes rows of a view, known from now on, and tells them', async () => {
    const { app, push, rows } = await appOver();
    expect(await push('customer_daily', row)).toEqual({
      status: 200,
      body: { view: 'customer_daily', version: VERSION, rows: 1, changed: 1 },
    });
    expect(rows.get(`features.customer_daily@${VERSION}/7`)).toMatchObject({ knownAt: '2025-05-02T10:00:00.000Z' });
    expect((await app.inject('/features/customer_daily/7')).json()).toMatchObject({
      entity: '7',
      values: row.values,
      event_time: row.event_time,
    });
    expect((await push(`customer_daily@${VERSION}`, row)).status).toBe(200);
  });

  it('takes what was folded from a stream', async () => {
    const { push, rows } = await appOver();
    const click = { eventType: 'cart', time: NOW };
    const values = lastVisit.featuresOf(lastVisit.advance(lastVisit.start, click));
    expect((await push('customer_last_visit', { ...row, values })).body).toMatchObject({ version: null, changed: 1 });
    expect(rows.get('features.customer_last_visit/7')?.values).toEqual({
      visit_events: 1,
      visit_carts: 1,
      visit_seconds: 0,
    });
  });

  it.each([
    ['a moment more than five minutes ahead', { ...row, event_time: '2025-05-02T10:05:01Z' }, 'rows.0.event_time'],
    ['a moment that is none', { ...row, event_time: '2025-02-30T10:00:00Z' }, 'rows.0.event_time'],
    ['a moment before 1970', { ...row, event_time: '1969-05-02T10:00:00Z' }, 'rows.0.event_time'],
    ['a feature of no such name', { ...row, values: { ...row.values, other: 1 } }, 'rows.0.values.other'],
    ['a name that every object has', { ...row, values: { ...row.values, toString: 1 } }, 'rows.0.values.toString'],
    ['a feature left out', { ...row, values: { spend: 1 } }, 'rows.0.values.brand'],
    ['text for a number', { ...row, values: { ...row.values, spend: '1' } }, 'rows.0.values.spend'],
    ['a number for text', { ...row, values: { ...row.values, brand: 1 } }, 'rows.0.values.brand'],
    ['text that cannot be kept', { ...row, values: { ...row.values, brand: 'a\u0000' } }, 'rows.0.values.brand'],
    ['half a character', { ...row, entity: '\ud800' }, 'rows.0.entity'],
  ])('refuses %s', async (_what, wrong, field) => {
    const { push, rows } = await appOver();
    const { status, body } = await push('customer_daily', wrong);
    expect([status, body.field]).toEqual([400, field]);
    expect(rows.size).toBe(0);
  });

  it('takes a moment up to five minutes ahead', async () => {
    const { push } = await appOver();
    expect((await push('customer_daily', { ...row, event_time: '2025-05-02T10:05:00Z' })).status).toBe(200);
  });

  it('names an unknown view, version and entity, and tells nothing of why the store is away', async () => {
    const { app, push } = await appOver();
    expect((await push('nobodys', row)).status).toBe(404);
    expect((await push(`customer_daily@${'b'.repeat(12)}`, row)).body).toMatchObject({ status: 404, field: 'view' });
    expect((await app.inject('/features/customer_daily/nobody')).json()).toMatchObject({
      status: 404,
      field: 'entity',
    });
    expect((await app.inject('/features/customer_daily/%00')).statusCode).toBe(400);
    const away = await (await appOver(true)).push('customer_daily', row);
    expect([away.status, JSON.stringify(away.body)]).toEqual([503, expect.not.stringContaining('10.0.0.7')]);
  });
});
