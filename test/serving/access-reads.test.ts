// What is noted of requests: whom an answer was about and who asked, refusals counted together, nothing of open addresses, and never much.
import { describe, expect, it } from 'vitest';
import type { NotedRead } from '../../core/audit-read.ts';
import { type Read, ReadLog } from '../../serving/access/reads.ts';
import type { Batch } from '../../serving/batched-log.ts';
import { loggedPrediction } from '../support/predictions.ts';
import { type AccessOptions, FakeKeys, fakeAccess } from './fake-access.ts';
import { fakeApp, NOW, quiet } from './fakes.ts';

const logOf = (more: { room?: number; refusals?: number } = {}) => {
  const batches: Batch<NotedRead>[] = [];
  const sink = {
    away: false,
    write: async (batch: Batch<NotedRead>) => {
      if (sink.away) throw new Error('away');
      batches.push(batch);
    },
  };
  const log = new ReadLog({ sink, log: quiet, ...more });
  return { log, sink, batches, noted: () => batches.flatMap(({ rows }) => rows) };
};

const read = (more: Partial<Read> = {}): Read => ({
  who: 'key:1',
  roles: ['analyst'],
  policy: 'predict',
  route: 'GET /predict/:model/:entity',
  resource: 'propensity',
  status: 200,
  entities: [],
  at: NOW,
  ...more,
});

describe('the log of reads', () => {
  it('gathers by caller, address and outcome, and keeps whom it was about', async () => {
    const { log, noted } = logOf();
    for (const [i, entity] of ['a', 'b', 'a'].entries())
      log.answered(read({ entities: [entity], at: NOW + i * 1_000 }));
    log.answered(read({ who: 'ann', entities: ['c'] }));
    log.answered(read({ status: 404, entities: ['d'] }));
    expect(log.counts()).toEqual({ waiting: 4, written: 0, dropped: 0 });
    await log.flush();
    expect(noted().map(({ who, status, count, entities }) => [who, status, count, entities])).toEqual([
      ['key:1', 200, 3, ['a', 'b']],
      ['ann', 200, 1, ['c']],
      ['key:1', 404, 1, ['d']],
    ]);
    expect(noted()[0]).toMatchObject({ from: '2025-05-02T10:00:00.000Z', until: '2025-05-02T10:00:02.000Z' });
    expect(log.counts()).toEqual({ waiting: 0, written: 4, dropped: 0 });
  });

  it('makes few records of a flood of refusals, and loses none of their number', async () => {
    const { log, noted } = logOf({ refusals: 5 });
    for (let i = 0; i < 10_000; i += 1) log.refused(read({ who: `address:10.0.${i % 250}.1`, status: 401 }));
    log.answered(read({ entities: ['a'] }));
    await log.flush();
    expect(noted()).toHaveLength(7);
    expect(
      noted()
        .filter(({ status }) => status === 401)
        .reduce((sum, { count }) => sum + count, 0),
    ).toBe(10_000);
    expect(noted().find(({ who }) => who === 'others')).toMatchObject({ count: 9_800, status: 401 });
  });

  it('drops what has no room and counts it, by whom it was about', async () => {
    const { log, sink, noted } = logOf({ room: 1_000 });
    sink.away = true;
    const many = (prefix: string) => Array.from({ length: 600 }, (_, i) => `${prefix}${i}`);
    log.answered(read({ entities: many('a') }));
    await log.flush();
    log.answered(read({ who: 'ann', entities: many('b') }));
    await log.flush();
    expect(log.counts()).toEqual({ waiting: 600, written: 0, dropped: 600 });
    sink.away = false;
    await log.flush();
    expect(noted()).toHaveLength(1);
  });

  it('keeps a batch small enough to be written in one go', async () => {
    const { log, batches } = logOf();
    for (let i = 0; i < 5_000; i += 1) log.answered(read({ entities: [String(i)] }));
    await log.flush();
    expect(Math.max(...batches.map(({ rows }) => rows.reduce((sum, row) => sum + row.entities.length, 0)))).toBe(2_000);
  });

  it('gives Postgres no text that it could never store', async () => {
    const { log, noted } = logOf();
    log.answered(read({ resource: 'a\0b', entities: ['x\ud800'] }));
    await log.flush();
    expect(noted()[0]).toMatchObject({ resource: 'a\ufffdb', entities: ['x\ufffd'] });
  });
});

describe('requests', () => {
  const asked = async (options: AccessOptions = {}) => {
    const { log, noted } = logOf();
    const predictions = { add: () => undefined, counts: () => ({ waiting: 0, written: 0, dropped: 0 }) };
    const records = { find: async () => ({ ...loggedPrediction('1'), entity: '510017288' }) };
    const { app } = await fakeApp({ access: fakeAccess(options), reads: log, predictions, records });
    const seen = async () => {
      await log.flush();
      return noted().map(({ who, route, resource, status, count, entities }) =>
        [who, route, resource, status, count, entities.join()].join(' | '),
      );
    };
    return { app, seen, log };
  };

  it('are noted with the principal, the model and the entities', async () => {
    const keys = new FakeKeys('prod');
    const headers = { authorization: `Bearer ${keys.add(['admin'])}` };
    const { app, seen } = await asked({ environment: 'prod', anonymousRoles: [], keys });
    await app.inject({ url: '/predict/propensity/123?explain=true', headers });
    await app.inject({ method: 'POST', url: '/predict', headers, payload: { user_id: '9' } });
    await app.inject({ method: 'POST', url: '/predict/batch', headers, payload: { user_ids: ['7', '8', '7'] } });
    await app.inject({ url: '/predict/nobody/123', headers });
    await app.inject({ url: '/predictions/0f8fad5b-d9cb-469f-a165-70867728950e', headers });
    const who = 'key:010101010101';
    expect(await seen()).toEqual(
      [
        `${who} | GET /predict/:model/:entity | propensity | 503 | 1 | `,
        `${who} | POST /predict | propensity | 200 | 1 | 9`,
        `${who} | POST /predict/batch | propensity | 200 | 1 | 7,8`,
        `${who} | GET /predict/:model/:entity | nobody | 404 | 1 | 123`,
        `${who} | GET /predictions/:id | 0f8fad5b-d9cb-469f-a165-70867728950e | 200 | 1 | 510017288`,
      ].sort((a, b) => Number(a.includes('| 503')) - Number(b.includes('| 503'))),
    );
  });

  it('that are refused are counted, whoever asks; open addresses and addresses that are none are not noted', async () => {
    const keys = new FakeKeys('prod');
    const headers = { authorization: `Bearer ${keys.add(['viewer'])}` };
    const { app, seen } = await asked({ environment: 'prod', anonymousRoles: [], keys });
    for (let i = 0; i < 3; i += 1) await app.inject('/predict/propensity/123');
    await app.inject({ url: '/predict/propensity/123', headers });
    for (const url of ['/health', '/v2', '/.well-known/jwks.json', '/nowhere']) await app.inject(url);
    const token = { 'content-type': 'application/x-www-form-urlencoded' };
    const form = 'grant_type=client_credentials&client_id=a&client_secret=b';
    await app.inject({ method: 'POST', url: '/oauth/token', headers: token, payload: form });
    expect(await seen()).toEqual([
      'address:127.0.0.1 | GET /predict/:model/:entity |  | 401 | 3 | ',
      'key:010101010101 | GET /predict/:model/:entity | propensity | 403 | 1 | ',
      'address:127.0.0.1 | POST /oauth/token |  | 401 | 1 | ',
    ]);
  });

  it('of a ranking are noted with everybody who is in it', async () => {
    const { log, noted } = logOf();
    const one = { probability: 0.5, eventTime: '', knownAt: '', scoredAt: '', current: true };
    const answers = ['31', '7'].map((entity) => ({ ...one, entity }));
    const ranked = { version: 7, packageSha256: 'a'.repeat(64), answers };
    const precomputed = { find: async () => undefined, likeliest: async () => ranked };
    const { app } = await fakeApp({ access: fakeAccess(), reads: log, precomputed });
    await app.inject('/predict/propensity/top?k=2');
    await log.flush();
    expect(noted().map(({ route, resource, entities }) => [route, resource, entities])).toEqual([
      ['GET /predict/:model/top', 'propensity', ['31', '7']],
    ]);
  });

  it('are counted in /health', async () => {
    const { app } = await asked();
    await app.inject('/models');
    expect((await app.inject('/health')).json()).toMatchObject({ read_log: { waiting: 1, written: 0, dropped: 0 } });
  });
});
