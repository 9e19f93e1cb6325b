// The log of predictions on its way into the lake, on a real Postgres and a real lake: every prediction once, whoever is killed, whatever
// is sent twice, however many collect.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deps } from '../../activities/deps.ts';
import { collectBatch } from '../../activities/predictions.ts';
import { PostgresPredictionLog } from '../../adapters/postgres/prediction-log.ts';
import type { CollectedBatch } from '../../core/prediction-log.ts';
import { buildDeps } from '../../workers/deps.ts';
import { openTestLake } from '../support/lake.ts';
import { loggedPrediction } from '../support/predictions.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
let deps: Deps;
let log: PostgresPredictionLog;

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  deps = await buildDeps(stack.environment);
  log = new PostgresPredictionLog(deps.pool);
});
afterAll(async () => {
  await deps?.pool.end();
  await stack?.stop();
});

const rows = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    loggedPrediction(randomUUID(), {
      entity: `customer ${i}`,
      probability: i / count,
      features: { z_first: i / 3, text: "O'Brien 🙂", missing: null },
      featureTime: '2025-05-01T00:00:00.000Z',
      knownAt: '2025-05-01T06:00:00.123Z',
      coldStart: false,
    }),
  );

const collect = (crash: Deps['crash'] = () => undefined): Promise<CollectedBatch> =>
  collectBatch(
    { ...deps, crash },
    { batchRows: 100 },
    {
      signal: new AbortController().signal,
      onProgress: () => undefined,
      lineage: { workflow: 'collect', run: 'r' },
    },
  );

const inLake = async <T>(sql: string): Promise<T> => {
  const { lake, close } = await openTestLake(stack.environment);
  try {
    return (await lake.db.rows(sql)) as T;
  } finally {
    await close();
  }
};

describe('what the API writes', () => {
  it('is there once, also if it is sent again, and reads as it was', async () => {
    const batch = { id: randomUUID(), rows: rows(150) };
    await log.write(batch);
    await log.write(batch);
    const { rowCount } = await deps.pool.query('select from predictions');
    expect(rowCount).toBe(150);
    const [, second] = batch.rows;
    expect(await log.find(second?.id ?? '')).toEqual(second);
    expect(Object.keys((await log.find(second?.id ?? ''))?.features ?? {})).toEqual(['z_first', 'text', 'missing']);
  });

  it('is written whole or not at all', async () => {
    const [good, bad] = rows(2);
    const batch = { id: randomUUID(), rows: [good, { ...bad, probability: 7 }] as ReturnType<typeof rows> };
    await expect(log.write(batch)).rejects.toThrow(/probability/);
    expect(await log.find(good?.id ?? '')).toBeUndefined();
    // Nor is it taken for written.
    const mended = { id: batch.id, rows: [good] as ReturnType<typeof rows> };
    await log.write(mended);
    expect(await log.find(good?.id ?? '')).toEqual(good);
  });
});

describe('the collection', () => {
  it('takes each once, whoever is killed before or after a commit', async () => {
    const kill = (at: string) => (point: string) => {
      if (point === at) throw new Error(`killed ${point}`);
    };
    await expect(collect(kill('after-write'))).rejects.toThrow('killed after-write');
    await expect(collect(kill('after-commit'))).rejects.toThrow('killed after-commit');
    expect(await collect()).toMatchObject({ rows: 100, more: true });
    await expect(collect(kill('after-commit'))).rejects.toThrow('killed after-commit');
    expect(await collect()).toMatchObject({ rows: 51, more: false });
    expect(await collect()).toEqual({ rows: 0, more: false, snapshot: null });
    const counted =
      'select count(*)::integer as rows, count(distinct prediction_id)::integer as ids from lake.serving.predictions';
    expect(await inLake(counted)).toEqual([{ rows: 151, ids: 151 }]);
    const [row] = await inLake<Record<string, unknown>[]>(
      `select * exclude (prediction_id) from lake.serving.predictions where entity = 'customer 1' order by probability limit 1`,
    );
    expect(row).toMatchObject({
      served_at: '2025-05-02 10:00:00',
      model: 'propensity',
      probability: 1 / 150,
      feature_time: '2025-05-01 00:00:00',
      known_at: '2025-05-01 06:00:00.123',
      cold_start: false,
      job: null,
    });
    expect(JSON.parse(String(row?.features))).toEqual({ z_first: 1 / 3, text: "O'Brien 🙂", missing: null });
  });

  it('takes each once where two collect at the same time, and while the API goes on writing', async () => {
    const sent: string[] = [];
    const write = async () => {
      for (let i = 0; i < 10; i += 1) {
        const batch = { id: randomUUID(), rows: rows(40) };
        await log.write(batch);
        sent.push(...batch.rows.map(({ id }) => id));
      }
    };
    const collector = async () => {
      for (let i = 0; i < 4; i += 1) await collect();
    };
    await Promise.all([write(), collector(), collector()]);
    while ((await collect()).rows > 0);
    const found = await inLake<{ id: string }[]>('select prediction_id::varchar as id from lake.serving.predictions');
    const ids = found.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(sent.filter((id) => !ids.includes(id))).toEqual([]);
    expect(ids).toHaveLength(151 + 400);
    expect(await log.waiting()).toBe(false);
  });
});
