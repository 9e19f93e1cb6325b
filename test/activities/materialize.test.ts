// Materialising over DuckDB and a store in memory: chunks, resuming after a kill, and the comparison of both sides.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MaterializeInput, materialize, type Sides } from '../../activities/materialize.ts';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import type { OnlineRow, Watermark } from '../../adapters/postgres/online-store.ts';
import { populationSql } from '../../core/population.ts';

const ROWS = 2_500;
const input: MaterializeInput = {
  runKey: 'run-1',
  view: { table: 'features.customer_daily', entity: 'user_id' },
  features: [
    { name: 'spend', kind: 'numeric' },
    { name: 'views', kind: 'numeric' },
    { name: 'brand', kind: 'categorical' },
  ],
  snapshot: 5,
  asOf: '2025-05-01',
  chunkRows: 1_000,
  sampleRows: ROWS,
};

const memoryStore = () => {
  const rows = new Map<string, OnlineRow>();
  const batches: number[] = [];
  const announced: string[] = [];
  let mark: Watermark | undefined;
  return {
    rows,
    batches,
    announced,
    store: {
      upsertJson: async (_view: string, json: string, progress?: Watermark) => {
        const batch: OnlineRow[] = JSON.parse(json);
        for (const row of batch) rows.set(row.entity, row);
        if (batch.length > 0) batches.push(batch.length);
        mark = progress ?? mark;
        return batch.length;
      },
      read: async (_view: string, entities: readonly string[]) =>
        new Map(entities.flatMap((entity) => [rows.get(entity) ?? []].flat().map((row) => [entity, row] as const))),
      horizons: async (_view: string, entities: readonly string[]) =>
        new Map(
          entities.flatMap((entity) => [rows.get(entity)].flatMap((row) => (row ? [[entity, row.knownAt]] : []))),
        ),
      watermark: async () => mark,
      announce: async (view: string) => {
        announced.push(view);
      },
    },
  };
};

describe('materialize', () => {
  let folder: string;
  let db: DuckDb;
  const step = { signal: new AbortController().signal, onProgress: () => undefined };
  const sides = (online: Sides['online'], crash: Sides['crash'] = () => undefined): Sides => ({
    lake: { db, pin: async () => undefined },
    online,
    crash,
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'materialize-'));
    db = await DuckDb.open({ threads: 2, memoryLimit: '256MB', tempDirectory: folder });
    await db.run('create schema features');
    await db.run(
      `create table features.customer_daily as
       select i as user_id, timestamp '2025-05-01' as as_of, (i * 0.1)::decimal(18, 2) as spend,
         case when i = 7 then 'nan'::double when i = 8 then 'inf'::double else i / 3 end as views,
         case when i % 4 = 0 then null else 'brand ' || i % 3 end as brand
       from range(${ROWS}) t(i)
       union all select 1, timestamp '2025-04-01', 999, 999, 'old'`,
    );
  });
  afterEach(async () => {
    db.close();
    await rm(folder, { recursive: true });
  });

  it('copies the newest cut exactly, in chunks', async () => {
    const { store, rows, batches } = memoryStore();
    const heard: number[] = [];
    const done = await materialize(sides(store), input, { ...step, onProgress: ({ done: at }) => heard.push(at) });
    expect(done).toEqual({ rows: ROWS, resumedAfter: 0, sampled: ROWS, newerOnline: 0 });
    expect(batches).toEqual([1_000, 1_000, 500]);
    expect(heard).toEqual([1_000, 2_000, 2_500]);
    expect(rows.get('1')).toEqual({
      entity: '1',
      values: { spend: 0.1, views: 1 / 3, brand: 'brand 1' },
      eventTime: '2025-05-01T00:00:00.000000Z',
      knownAt: '2025-05-01T00:00:00.000000Z',
    });
    expect([rows.get('7')?.values.views, rows.get('8')?.values.views, rows.get('8')?.values.brand]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('goes on after the last committed chunk, and does a finished run no second time', async () => {
    const { store, rows, batches } = memoryStore();
    let writes = 0;
    const killed = sides(store, (point) => {
      if (point === 'after-write' && ++writes === 2) throw new Error('killed');
    });
    await expect(materialize(killed, input, step)).rejects.toThrow('killed');
    expect(await materialize(sides(store), input, step)).toMatchObject({ rows: ROWS, resumedAfter: 2_000 });
    expect([batches, rows.size]).toEqual([[1_000, 1_000, 500], ROWS]);
    expect(await materialize(sides(store), input, step)).toMatchObject({ rows: ROWS, resumedAfter: ROWS });
    expect(batches).toHaveLength(3);
  });

  it('takes a table that does not say when facts became known for known at its cut', async () => {
    const { store, rows } = memoryStore();
    await materialize(sides(store), { ...input, view: { ...input.view, knownAt: 'known_at' } }, step);
    expect(rows.get('1')?.knownAt).toBe('2025-05-01T00:00:00.000000Z');
  });

  it('names an entity that differs, and leaves a newer one alone', async () => {
    const { store, rows } = memoryStore();
    await materialize(sides(store), input, step);
    const newer = { entity: '5', values: {}, eventTime: '2025-05-02T00:00:00Z', knownAt: '2025-05-02T00:00:00Z' };
    rows.set('5', newer);
    expect(await materialize(sides(store), input, step)).toMatchObject({ newerOnline: 1 });
    rows.set('6', { ...newer, entity: '6', eventTime: '2025-05-01T00:00:00Z', knownAt: '2025-05-01T00:00:00Z' });
    await expect(materialize(sides(store), input, step)).rejects.toMatchObject({
      code: 'PARITY_BROKEN',
      context: { value: '6' },
    });
    rows.delete('6');
    await expect(materialize(sides(store), input, step)).rejects.toMatchObject({ code: 'PARITY_BROKEN' });
  });

  it('stops between chunks when it is told to', async () => {
    const { store, batches } = memoryStore();
    await expect(materialize(sides(store), input, { ...step, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    expect(batches).toEqual([]);
  });

  it('knows the population: medians that occur, most frequent values, first by name', async () => {
    const [row] = await db.rows(populationSql('features.customer_daily', input.features, '2025-05-01'));
    expect(row).toEqual({ spend: 124.9, views: expect.closeTo(416.667, 2), brand: 'brand 0' });
  });
});
