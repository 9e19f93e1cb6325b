// Scoring jobs on a real Postgres and by real API processes: every entity once and in its place, whoever is killed, late, or beside; one job
// a key; nobody sees another's.
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PostgresApiKeys } from '../../adapters/postgres/api-keys.ts';
import { PostgresOnlineStore } from '../../adapters/postgres/online-store.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { PostgresPredictionLog } from '../../adapters/postgres/prediction-log.ts';
import { type NewJob, PostgresScoreJobs } from '../../adapters/postgres/score-jobs.ts';
import type { ApiRole } from '../../core/api-policy.ts';
import { PerennialError } from '../../core/errors.ts';
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import { CHUNK_ROWS, chunked } from '../../core/score-job.ts';
import { childVariables, settingsOf } from '../../environments/environment.ts';
import { JobRunner, type RunnerOptions } from '../../serving/jobs/runner.ts';
import type { Champion, LoadedModel } from '../../serving/ports.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { fakeModel, quiet, served } from './fakes.ts';
import { promoter, putOnline, VIEW } from './trained-package.ts';

const ONLINE = 1_200;
const MANY = 60_000;

let stack: TestStack;
let pool: Pool;
let jobs: PostgresScoreJobs;
const children: ChildProcess[] = [];

beforeAll(async () => {
  stack = await startTestStack(['postgres']);
  const { postgres, schema } = stack.environment;
  pool = openPool(postgres, { max: 8, schema });
  jobs = new PostgresScoreJobs(pool);
  await putOnline(pool, ONLINE);
});
afterEach(async () => {
  for (const child of children.splice(0)) await killed(child);
});
afterAll(async () => {
  await pool?.end();
  await stack?.stop();
});

const killed = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
};

const names = (count: number) => Array.from({ length: count }, (_, i) => `customer ${i}`);
const created = async (more: Partial<NewJob> = {}): Promise<string> => {
  const asked = {
    id: randomUUID(),
    principal: randomUUID(),
    model: 'propensity',
    view: VIEW,
    bodySha256: 'a'.repeat(64),
  };
  const made = await jobs.create({ ...asked, ...more });
  if ('refused' in made) throw new Error(made.refused);
  return made.job.id;
};
const answersOf = async (id: string) =>
  (await jobs.results(id, 0, 1_000_000)).chunks.flatMap(({ version, answers }) =>
    answers.map((one) => ({ ...one, version })),
  );

/** What the log of predictions holds of answers. */
const noted = async (answers: readonly { readonly predictionId?: string }[]): Promise<LoggedPrediction[]> => {
  const found = await Promise.all(
    answers.map(({ predictionId = '' }) => new PostgresPredictionLog(pool).find(predictionId)),
  );
  return found.filter((one) => one !== undefined);
};
const notedInAll = async () => (await pool.query('select from predictions')).rowCount;

/** A runner whose champion is whatever `holder` says. */
const runner = (
  holder: { champion: Champion; model: LoadedModel },
  work: Partial<PostgresScoreJobs> = {},
  more: Partial<RunnerOptions> = {},
) => {
  const own = { claim: jobs.claim.bind(jobs), online: jobs.online.bind(jobs), commit: jobs.commit.bind(jobs) };
  return new JobRunner({
    jobs: { ...own, setBack: jobs.setBack.bind(jobs), ...work },
    keeper: { use: (_, task) => task(holder.model, holder.champion), served: () => served },
    now: Date.now,
    online: new PostgresOnlineStore(pool),
    log: quiet,
    delayMs: () => 0,
    pauseMs: 1,
    ...more,
  });
};
const holding = (version = 1) => ({
  champion: { version, packageSha256: 'a'.repeat(64) },
  model: fakeModel(async () => 0.25) as LoadedModel,
});
const untilIdle = async (some: JobRunner) => {
  while (await some.step());
};

describe('a job', () => {
  it('answers everybody in the order asked for, twice where asked twice, and says who was unknown', async () => {
    const asked = [...names(CHUNK_ROWS * 2), 'nobody', 'customer 0'];
    const id = await created({ chunks: chunked(asked) });
    await untilIdle(runner(holding()));
    const answers = await answersOf(id);
    expect(answers.map(({ entity }) => entity)).toEqual(asked);
    expect(answers.filter(({ coldStart }) => coldStart).map(({ entity }) => entity)).toEqual(['nobody']);
    expect(answers.at(-1)).toMatchObject({ probability: 0.25, featureTime: '2025-05-01T00:00:00.000Z', version: 1 });
    expect(await jobs.find(id)).toMatchObject({ state: 'done', total: asked.length, done: asked.length, resumed: 0 });
  });

  it('notes every answer as a prediction, with what the model saw', async () => {
    const eventTime = '2025-05-01T00:00:00.000Z';
    const online = { values: { recency_days: 4, preferred_brand: 'zen', other: 1 }, eventTime, knownAt: eventTime };
    const before = (await notedInAll()) ?? 0;
    const id = await created({ chunks: chunked(['customer 3', 'nobody', 'customer 3']) });
    await untilIdle(runner(holding(7), {}, { online: { read: async () => new Map([['customer 3', online]]) } }));
    const records = await noted(await answersOf(id));
    expect([new Set(records.map((one) => one.id)).size, await notedInAll()]).toEqual([3, before + 3]);
    const by = {
      useCase: 'ecommerce-intelligence',
      model: 'propensity',
      version: 7,
      packageSha256: 'a'.repeat(64),
      view: VIEW,
      probability: 0.25,
      stale: false,
      job: id,
    };
    const { other, ...features } = online.values;
    const known = {
      ...by,
      entity: 'customer 3',
      features,
      featureTime: eventTime,
      knownAt: eventTime,
      coldStart: false,
    };
    const population = { recency_days: 20, preferred_brand: 'acme' };
    const unknown = {
      ...by,
      entity: 'nobody',
      features: population,
      featureTime: null,
      knownAt: null,
      coldStart: true,
    };
    expect(records).toMatchObject([known, unknown, known]);
    expect(records.map((one) => one.features)).toEqual([features, population, features]);
  });

  it('takes whoever has expired for unknown, as a request does', async () => {
    const eventTime = '2025-05-01T00:00:00.000Z';
    const expired = { values: { recency_days: 400 }, eventTime, knownAt: eventTime, expired: true } as const;
    const id = await created({ chunks: chunked(['customer 3']) });
    await untilIdle(runner(holding(), {}, { online: { read: async () => new Map([['customer 3', expired]]) } }));
    const answers = await answersOf(id);
    expect(answers).toMatchObject([{ coldStart: true, featureTime: null }]);
    expect(await noted(answers)).toMatchObject([{ features: { recency_days: 20, preferred_brand: 'acme' } }]);
  });

  it('for everybody answers all who are online, once', async () => {
    const id = await created();
    expect(await jobs.find(id)).toMatchObject({ state: 'queued', total: ONLINE });
    await untilIdle(runner(holding()));
    const entities = (await answersOf(id)).map(({ entity }) => entity);
    expect([entities.length, new Set(entities).size]).toEqual([ONLINE, ONLINE]);
    expect(await jobs.find(id)).toMatchObject({ state: 'done', done: ONLINE });
  });

  it('goes on with the champion of the hour and tells whose rows are whose', async () => {
    const id = await created({ chunks: chunked(names(CHUNK_ROWS + 7)) });
    const holder = holding(1);
    const one = runner(holder);
    await one.step();
    Object.assign(holder, holding(2));
    await untilIdle(one);
    const versions = [
      { version: 1, rows: CHUNK_ROWS },
      { version: 2, rows: 7 },
    ];
    expect(await jobs.find(id)).toMatchObject({ state: 'done', versions });
  });

  it('is taken over where a lease ran out, and a late writer changes nothing', async () => {
    const asked = names(CHUNK_ROWS + 1);
    const id = await created({ chunks: chunked(asked) });
    const late = await jobs.claim(randomUUID(), 300);
    const other = runner(holding(2));
    expect(await other.step()).toBe(false);
    await expect.poll(() => other.step(), { interval: 50 }).toBe(true);
    await untilIdle(other);
    const right = await answersOf(id);
    const records = (await noted(right.slice(0, CHUNK_ROWS))).map((one) => ({ ...one, id: randomUUID() }));
    const before = await notedInAll();
    if (!late) throw new Error('it was claimed');
    expect(await jobs.commit(late, { records, finished: false })).toBe(false);
    expect([records.length, await notedInAll()]).toEqual([CHUNK_ROWS, before]);
    await jobs.setBack(late, { reason: 'late', pauseMs: 0, failed: true });
    expect(await answersOf(id)).toEqual(right);
    expect(await jobs.find(id)).toMatchObject({
      state: 'done',
      resumed: 1,
      versions: [{ version: 2, rows: asked.length }],
    });
  });

  it('is done once by many at a time, of whom some die before they have written', async () => {
    const ids = await Promise.all([1, 2, 3].map((n) => created({ chunks: chunked(names(CHUNK_ROWS * 4 + n)) })));
    let turn = 0;
    const commit: PostgresScoreJobs['commit'] = async (...given) => {
      turn += 1;
      if (turn % 3 === 0) throw Object.assign(new Error('killed'), { killed: true });
      return jobs.commit(...given);
    };
    const setBack: PostgresScoreJobs['setBack'] = async () => {
      throw new Error('the dead give nothing back');
    };
    const work = async () => {
      const mortal = runner(holding(), { commit, setBack }, { leaseMs: 200 });
      const open = async () => (await Promise.all(ids.map((id) => jobs.find(id)))).some((job) => job?.state !== 'done');
      while (await open()) await mortal.step();
    };
    await Promise.all([work(), work(), work()]);
    for (const [i, id] of ids.entries())
      expect((await answersOf(id)).map(({ entity }) => entity)).toEqual(names(CHUNK_ROWS * 4 + i + 1));
  });

  it('takes turns with others, so that a small one does not wait for a large one', async () => {
    const large = await created({ chunks: chunked(names(CHUNK_ROWS * 20)) });
    const small = await created({ chunks: chunked(['one']) });
    const one = runner(holding());
    await one.step();
    await one.step();
    expect([(await jobs.find(large))?.done, (await jobs.find(small))?.state]).toEqual([CHUNK_ROWS, 'done']);
    await jobs.cancel(large);
  });

  it('waits out what may pass, fails at what cannot, and stays canceled', async () => {
    const passing = holding();
    const id = await created({ chunks: chunked(['one']) });
    const away = { ...passing.model, scoreMany: () => Promise.reject(new PerennialError('UNAVAILABLE', 'not now')) };
    await runner({ ...passing, model: away }).step();
    expect(await jobs.find(id)).toMatchObject({ state: 'running', reason: 'not now', done: 0 });
    await expect.poll(() => runner(passing).step()).toBe(true);
    expect(await jobs.find(id)).toMatchObject({ state: 'done', reason: null });
    const broken = await created({ chunks: chunked(['one']) });
    await runner({ ...passing, model: fakeModel(async () => Number.NaN) }).step();
    expect(await jobs.find(broken)).toMatchObject({ state: 'failed', reason: expect.stringMatching(/no probability/) });
    const canceled = await created({ chunks: chunked(names(CHUNK_ROWS * 2)) });
    const inHand: PostgresScoreJobs['commit'] = async (...given) => {
      await jobs.cancel(canceled);
      return jobs.commit(...given);
    };
    await untilIdle(runner(passing, { commit: inHand }));
    expect(await jobs.find(canceled)).toMatchObject({ state: 'canceled', done: 0 });
  });

  it('is forgotten once it has expired', async () => {
    const id = await created({ chunks: chunked(['one', 'two']) });
    await untilIdle(runner(holding()));
    await pool.query(`update score_jobs set expires_at = now() - interval '1 second' where id = $1`, [id]);
    expect(await jobs.find(id)).toBeUndefined();
    expect(await jobs.sweep(true)).toBe(2);
    expect(await jobs.sweep(false)).toBe(2);
    const { rowCount } = await pool.query('select from score_job_chunks where job = $1', [id]);
    expect([rowCount, await jobs.sweep(false)]).toEqual([0, 0]);
  });
});

/** What the tests read of answers. */
interface Told {
  readonly job_id: string;
  readonly state: string;
  readonly done: number;
  readonly predictions: readonly { readonly probability: number }[];
  readonly results: readonly {
    readonly prediction_id: string;
    readonly entity: string;
    readonly probability: number;
  }[];
  readonly next: string | null;
}

describe('over HTTP', () => {
  beforeAll(async () => {
    await promoter(stack.environment, pool)({ trees: 40, seed: 1 });
  });

  const startApi = async (): Promise<ChildProcess> => {
    const child = fork(join(stack.environment.root, 'serving/main.ts'), ['--env', 'dev'], {
      cwd: stack.environment.root,
      execArgv: ['--import', 'tsx'],
      env: childVariables(settingsOf(stack.environment)),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    children.push(child);
    await once(child, 'message');
    return child;
  };
  const headersOf = async (role: ApiRole) => {
    const { text } = await new PostgresApiKeys(pool).create({
      environment: 'dev',
      name: 'test',
      roles: [role],
      days: 1,
      by: 'test',
    });
    return { authorization: `Bearer ${text}`, 'content-type': 'application/json' };
  };
  const ask = async (method: string, path: string, headers: Record<string, string>, body?: object) => {
    const given = body === undefined ? {} : { body: JSON.stringify(body) };
    const { 'content-type': type, ...bare } = headers;
    const all = body === undefined ? bare : { ...bare, 'content-type': type ?? 'application/json' };
    const reply = await fetch(`${stack.environment.api.url}${path}`, { method, headers: all, ...given });
    return { status: reply.status, headers: reply.headers, body: (await reply.json()) as Told };
  };
  const resultsOf = async (location: string, headers: Record<string, string>) => {
    const rows: Told['results'][number][] = [];
    for (let cursor: string | null = '0'; cursor !== null; ) {
      const { body } = await ask('GET', `${location}/results?cursor=${cursor}`, headers);
      rows.push(...body.results);
      cursor = body.next;
    }
    return rows;
  };

  it('is accepted at once, tells how far it is, and answers as a batch does', async () => {
    await startApi();
    const headers = await headersOf('scientist');
    const begun = await ask('POST', '/jobs/score', headers, { all: true });
    expect(begun.status).toBe(202);
    const location = begun.headers.get('location') ?? '';
    expect([location, begun.headers.get('retry-after')]).toEqual([`/jobs/${begun.body.job_id}`, '1']);
    const state = async () => (await ask('GET', location, headers)).body;
    await expect.poll(async () => (await state()).state).toBe('done');
    expect(await state()).toMatchObject({
      total: ONLINE,
      done: ONLINE,
      versions: [{ version: 1, rows: ONLINE }],
      seconds_left: null,
    });
    const rows = await resultsOf(location, headers);
    const some = rows.slice(0, 1_000);
    const batch = await ask('POST', '/predict/batch', headers, { user_ids: some.map(({ entity }) => entity) });
    expect(some.map(({ probability }) => probability)).toEqual(batch.body.predictions.map((one) => one.probability));
    for (const body of [{}, { all: true, user_ids: ['1'] }, { user_ids: [] }, { user_ids: ['a\0'] }])
      expect((await ask('POST', '/jobs/score', headers, body)).status).toBe(400);
    expect((await ask('POST', '/jobs/score', headers, { user_ids: names(100_001) })).status).toBe(400);
    expect((await ask('POST', '/jobs/score', headers, { all: true, model: 'other' })).status).toBe(404);
  });

  it('is one job a key, and not to be had with another body', async () => {
    await startApi();
    const headers = { ...(await headersOf('scientist')), 'idempotency-key': 'nightly-1' };
    const all = await Promise.all(
      Array.from({ length: 20 }, () => ask('POST', '/jobs/score', headers, { user_ids: ['customer 1'] })),
    );
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(all.map(({ body }) => body.job_id)).size).toBe(1);
    const other = await ask('POST', '/jobs/score', headers, { user_ids: ['customer 2'] });
    expect(other).toMatchObject({ status: 409, body: { field: 'idempotency-key', value: 'nightly-1' } });
    const stranger = { ...(await headersOf('scientist')), 'idempotency-key': 'nightly-1' };
    expect((await ask('POST', '/jobs/score', stranger, { user_ids: ['customer 2'] })).status).toBe(202);
  });

  it('answered before answers were noted is told without their names', async () => {
    await startApi();
    const headers = await headersOf('admin');
    const id = await created({ chunks: chunked(['customer 1']) });
    await untilIdle(runner(holding()));
    await pool.query(
      `update score_job_chunks set answers = (select json_agg(one::jsonb - 'predictionId') from json_array_elements(answers) one) where job = $1`,
      [id],
    );
    const { status, body } = await ask('GET', `/jobs/${id}/results`, headers);
    expect([status, body.results]).toEqual([200, [expect.objectContaining({ entity: 'customer 1', version: 1 })]]);
    expect(body.results[0]).not.toHaveProperty('prediction_id');
  });

  it('is seen and canceled by whose it is and by administrators; a person has ten at once', async () => {
    const [owner, stranger, admin, analyst] = await Promise.all(
      (['scientist', 'scientist', 'admin', 'analyst'] as const).map(headersOf),
    );
    await startApi();
    if (!owner || !stranger || !admin || !analyst) throw new Error('four of them');
    const begin = () => ask('POST', '/jobs/score', owner, { user_ids: names(MANY) });
    const { body } = await begin();
    const path = `/jobs/${body.job_id}`;
    for (const at of [path, `${path}/results`]) {
      expect((await ask('GET', at, owner)).status).toBe(200);
      expect((await ask('GET', at, admin)).status).toBe(200);
      expect((await ask('GET', at, stranger)).status).toBe(404);
      expect((await ask('GET', at, analyst)).status).toBe(403);
    }
    expect((await ask('DELETE', path, stranger)).status).toBe(404);
    const more = await Promise.all(Array.from({ length: 12 }, begin));
    expect(more.filter(({ status }) => status === 202).length).toBeLessThanOrEqual(10);
    const tooMany = more.find(({ status }) => status === 429);
    expect(tooMany?.headers.get('retry-after')).toBe('10');
    for (const one of [body, ...more.flatMap((reply) => (reply.status === 202 ? [reply.body] : []))]) {
      const gone = await ask('DELETE', `/jobs/${one.job_id}`, one === body ? admin : owner);
      expect(gone).toMatchObject({ status: 200, body: { state: 'canceled' } });
    }
    const { done } = (await ask('GET', path, owner)).body;
    const rows = await resultsOf(path, owner);
    expect([rows.length, done < MANY]).toEqual([done, true]);
  });

  it('survives three SIGKILLs of the API with every entity once, and requests are answered meanwhile', async () => {
    let api = await startApi();
    const headers = await headersOf('scientist');
    const asked = names(MANY);
    const { body } = await ask('POST', '/jobs/score', headers, { user_ids: asked });
    const path = `/jobs/${body.job_id}`;
    const state = async () => (await ask('GET', path, headers)).body;
    for (let kill = 1; kill <= 3; kill += 1) {
      const before = (await state()).done;
      await expect.poll(async () => (await state()).done, { interval: 20 }).toBeGreaterThan(before);
      expect((await ask('GET', '/predict/propensity/customer%201', headers)).status).toBe(200);
      await killed(api);
      const { done, state: now } = (await jobs.find(body.job_id)) ?? { done: 0 };
      expect([done < MANY, now]).toEqual([true, 'running']);
      api = await startApi();
    }
    await expect.poll(async () => (await state()).state).toBe('done');
    const rows = await resultsOf(path, headers);
    expect(rows.map(({ entity }) => entity)).toEqual(asked);
    const { rows: kept } = await pool.query('select id from predictions where job = $1', [body.job_id]);
    expect(kept.map(({ id }) => id).sort()).toEqual(rows.map(({ prediction_id }) => prediction_id).sort());
  });
});
