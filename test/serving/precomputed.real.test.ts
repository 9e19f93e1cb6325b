// Answers made ahead on real parts: a trained package, Postgres, the API. Looked up, they are to the bit what is computed, for everybody
// chosen; a pushed feature, another champion, a killed or late writer, an expired row are told apart; a package that rots is spoken for.
import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { precompute } from '../../activities/precompute.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { PostgresPrecomputed } from '../../adapters/postgres/precomputed.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { type RunningApi, startApi } from '../../serving/server.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { served } from './fakes.ts';
import { promoter, putOnline, VIEW } from './trained-package.ts';

const ROWS = 3_000;
const model = served.registered;

let stack: TestStack;
let pool: Pool;
let api: RunningApi;
let promote: ReturnType<typeof promoter>;

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  const { postgres, schema } = stack.environment;
  pool = openPool(postgres, { max: 4, schema });
  promote = promoter(stack.environment, pool);
  await putOnline(pool, ROWS);
  await promote({ trees: 40, seed: 1 });
  api = await startApi(stack.environment);
});
afterAll(async () => {
  await api?.close();
  await pool?.end();
  await stack?.stop();
});

interface Answer {
  readonly entity: string;
  readonly version: number;
  readonly probability: number;
  readonly source: string;
  readonly features: object;
  readonly current: boolean;
  readonly entities: readonly Answer[];
  readonly [field: string]: unknown;
}
const get = async (path: string): Promise<{ status: number; body: Answer }> => {
  const reply = await fetch(`${api.url}/predict/propensity/${path}`);
  return { status: reply.status, body: (await reply.json()) as Answer };
};
const both = async (entity: string) => {
  const [computed, found] = await Promise.all([get(entity), get(`${entity}?precomputed=true`)]);
  return { computed: computed.body, found: found.body };
};
const entities = Array.from({ length: ROWS }, (_, row) => `customer ${row}`);

const run = (crash: (point: string) => void = () => undefined, chosen = entities) =>
  precompute(
    {
      pool,
      artifacts: new FolderArtifacts(stack.environment.artifacts),
      keys: new KeyFolder(stack.environment.keys, 'dev'),
      settings: { name: 'dev' },
      crash,
    },
    { model, entities: chosen, chunkRows: 500 },
    { signal: new AbortController().signal, onProgress: () => undefined },
  );
const stored = async () =>
  (await pool.query('select version, entity, probability, scored_at from precomputed_answers order by 1, 2')).rows;

/** Everything of an answer that does not name the one asking. */
const content = ({ prediction_id: _, source: _s, scored_at: _at, served_at: _t, ...rest }: Answer) => rest;

describe('answers made ahead', () => {
  it('are written chunk by chunk: a killed writer goes on where it stood, and a second finds nothing to do', async () => {
    expect((await get('top')).status).toBe(503);
    let chunks = 0;
    const killed = run(() => {
      chunks += 1;
      if (chunks === 3) throw new Error('killed');
    });
    await expect(killed).rejects.toThrow('killed');
    const before = await stored();
    expect(before).toHaveLength(1_500);
    expect(await run()).toEqual({ rows: 1_500, version: 1 });
    const after = await stored();
    expect(after).toHaveLength(ROWS);
    expect(after.filter(({ entity }) => before.some((row) => row.entity === entity))).toEqual(before);
    expect(await run()).toEqual({ rows: 0, version: 1 });
    expect(await stored()).toEqual(after);
  });

  it('are to the bit what is computed, for everybody', async () => {
    const wrong: string[] = [];
    for (let from = 0; from < ROWS; from += 50) {
      const pairs = await Promise.all(entities.slice(from, from + 50).map(both));
      for (const { computed, found } of pairs) {
        const same = Object.is(computed.probability, found.probability);
        const origins = computed.source === 'computed' && found.source === 'precomputed';
        if (!same || !origins || JSON.stringify(content(computed)) !== JSON.stringify(content(found)))
          wrong.push(computed.entity);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('rank everybody, the likeliest first, by way of the index', async () => {
    const { body } = await get('top?k=1000');
    const sorted = (await stored()).sort((a, b) => b.probability - a.probability || (a.entity < b.entity ? -1 : 1));
    expect(body.entities.map(({ entity, probability }) => [entity, probability])).toEqual(
      sorted.slice(0, 1_000).map(({ entity, probability }) => [entity, probability]),
    );
    const { rows } = await pool.query(
      `explain select entity from precomputed_answers where model = '${model}' and version = 1 order by probability desc, entity limit 10`,
    );
    expect(JSON.stringify(rows)).toMatch(/precomputed_answers_likeliest/);
  });

  it('give way to newer features at once, and are made again of them', async () => {
    const [likeliest] = (await get('top?k=1')).body.entities;
    const entity = likeliest?.entity ?? '';
    await putOnline(pool, ROWS, { seed: 9, only: entity, eventTime: '2025-05-03T00:00:00Z' });
    const { found } = await both(entity);
    expect(found).toMatchObject({ source: 'computed', feature_time: '2025-05-03T00:00:00.000Z' });
    expect((await get('top?k=1')).body.entities).toMatchObject([{ entity, current: false }]);
    expect(await run()).toEqual({ rows: 1, version: 1 });
    await expect
      .poll(async () => (await both(entity)).computed.probability)
      .toBe((await both(entity)).found.probability);
    expect((await both(entity)).found).toMatchObject({ source: 'precomputed' });
  });

  it('are not undone by a writer that read earlier', async () => {
    const answers = new PostgresPrecomputed(pool);
    const entity = 'customer 7';
    const asked = { model, version: 1, view: VIEW };
    await putOnline(pool, ROWS, { seed: 10, only: entity, eventTime: '2025-05-04T00:00:00Z' });
    const early = await answers.pending(asked, entities);
    expect(early.map((row) => row.entity)).toEqual([entity]);
    await putOnline(pool, ROWS, { seed: 11, only: entity, eventTime: '2025-05-05T00:00:00Z' });
    expect(await run()).toMatchObject({ rows: 1 });
    const right = await stored();
    expect(
      await answers.write(
        asked,
        early.map((row) => ({ ...row, probability: 0.123 })),
      ),
    ).toBe(0);
    expect(await stored()).toEqual(right);
  });

  it('speak for the champion alone, and those of others are swept once nobody writes them', async () => {
    const version = await promote({ trees: 30, seed: 2 });
    await expect.poll(async () => (await get('customer 1')).body.version).toBe(version);
    expect((await both('customer 1')).found).toMatchObject({ source: 'computed', version });
    expect((await get('top')).status).toBe(503);
    expect(await run()).toEqual({ rows: ROWS, version });
    const { computed, found } = await both('customer 1');
    expect(found).toMatchObject({ source: 'precomputed', version, probability: computed.probability });
    const answers = new PostgresPrecomputed(pool);
    const [past, future] = ['2020-01-01T00:00:00Z', '2100-01-01T00:00:00Z'];
    expect(await answers.sweep(past, false)).toBe(0);
    expect(await answers.sweep(future, true)).toBe(ROWS);
    expect(await stored()).toHaveLength(2 * ROWS);
    expect(await answers.sweep(future, false)).toBe(ROWS);
    expect((await stored()).filter((row) => Number(row.version) !== version)).toEqual([]);
    expect((await both('customer 1')).found).toMatchObject({ source: 'precomputed' });
  });

  it('are those of the chosen alone: what nobody chooses any more is dropped, and computed', async () => {
    const chosen = entities.slice(0, 20);
    expect(await run(undefined, chosen)).toMatchObject({ rows: 0 });
    expect((await stored()).map(({ entity }) => entity).sort()).toEqual([...chosen].sort());
    expect((await get('top?k=1000')).body.entities).toHaveLength(20);
    const { computed, found } = await both('customer 30');
    expect(content(found)).toEqual(content(computed));
    expect(found.source).toBe('computed');
    expect(await run(undefined, [...entities, 'nobody'])).toMatchObject({ rows: ROWS - 20 });
  });

  it('stand in for a package that rots, once the API has lost it', async () => {
    const { computed } = await both('customer 1');
    const { rows } = await pool.query(`select package_sha256 as hash from precomputed_sets`);
    const folder = stack.environment.artifacts;
    const found = (await readdir(folder, { recursive: true })).find((path) => path.endsWith(rows[0]?.hash ?? '?'));
    await truncate(join(folder, found ?? ''), 10);
    await api.close();
    api = await startApi(stack.environment);
    const { status, body } = await get('customer 1');
    expect([status, body]).toEqual([
      200,
      {
        ...computed,
        prediction_id: body.prediction_id,
        source: 'precomputed',
        scored_at: body.scored_at,
        served_at: body.served_at,
        fallback_reason: expect.stringMatching(/cannot be loaded/),
      },
    ]);
    expect((await get('nobody')).status).toBe(503);
  });

  it('are never made of features that expired, nor looked up or ranked once they do', async () => {
    const version = '0123456789ab';
    const view = `${VIEW}@${version}`;
    await pool.query(
      `insert into feature_views (view, version, use_case, table_name, entity, features, ttl_days)
       values ('customer', $1, 'ecommerce-intelligence', $2, 'user_id', '[]', 30)`,
      [version, VIEW],
    );
    await putOnline(pool, 2, { view, moves: true });
    const champion = await promote({ trees: 20, seed: 3, features: { view: 'customer', version } });
    await expect.poll(async () => (await get('customer 1')).body.version).toBe(champion);
    expect(await run()).toEqual({ rows: 2, version: champion });
    expect((await both('customer 1')).found).toMatchObject({ source: 'precomputed', cold_start: false });
    await putOnline(pool, 2, { view, moves: true, only: 'customer 0', eventTime: '2025-06-01T00:00:00Z' });
    await expect.poll(async () => (await get('customer 1')).body.expired).toBe(true);
    const { computed, found } = await both('customer 1');
    expect(found).toMatchObject({ source: 'computed', cold_start: true, expired: true });
    expect(content(found)).toEqual(content(computed));
    expect((await get('top')).body.entities).toMatchObject([{ entity: 'customer 0', current: false }]);
    await pool.query('delete from precomputed_answers');
    expect(await run()).toEqual({ rows: 1, version: champion });
    expect((await stored()).map(({ entity }) => entity)).toEqual(['customer 0']);
  });
});
