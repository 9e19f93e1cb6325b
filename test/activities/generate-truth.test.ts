// The planted truth against the written files: funnel and nulls, the oracle recomputed from the files alone, its calibration and its
// ceiling, affinities and channels with the lift they were given.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateEvents } from '../../activities/generate.ts';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { catalogueSql } from '../../models/ecommerce-intelligence/generator/catalogue.ts';
import { oracleSql } from '../../models/ecommerce-intelligence/generator/oracle.ts';
import { cutDay, planGeneration, populationOptions } from '../../models/ecommerce-intelligence/generator/plan.ts';
import { CHANNELS } from '../../models/ecommerce-intelligence/generator/population.ts';
import { CHANNEL_STATES, FIRST_USER_ID, SECOND } from '../../models/ecommerce-intelligence/generator/sessions.ts';

const ROWS = 1_000_000;
const CUT = '2019-11-01';
let folder: string;
let db: DuckDb;
let users: number;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'generate-truth-'));
  const result = await generateEvents({ rows: ROWS, out: folder, format: 'parquet' });
  users = result.users;
  db = await DuckDb.open({ threads: 2, memoryLimit: '2GB', tempDirectory: path.join(folder, 'spill') });
  await db.run(`create table events as select *, event_time::date as day from '${folder}/events-*.parquet'`);
  await db.run(`create table touches as select * from read_csv('${folder}/touchpoints-*.csv', timestampformat = '%Y-%m-%d %H:%M:%S UTC',
    types = {touched_at: 'TIMESTAMP'})`);
  await db.run(`create table oracle as select * from '${folder}/truth/oracle-${CUT}.parquet'`);
}, 120_000);
afterAll(async () => {
  db.close();
  await rm(folder, { recursive: true, force: true });
});

const share = (condition: string): Promise<number> => db.number(`select avg((${condition})::integer) from events`);

describe('the funnel', () => {
  it('is near that of the public data set', async () => {
    expect(await db.number('select count(*) from events')).toBe(ROWS);
    expect(await db.number('select count(distinct user_id) from events')).toBe(users);
    const bounds: Record<string, [number, number]> = {
      "event_type = 'view'": [0.9, 0.95],
      "event_type = 'cart'": [0.03, 0.065],
      "event_type = 'remove_from_cart'": [0.003, 0.012],
      "event_type = 'purchase'": [0.014, 0.021],
      'category_code is null': [0.33, 0.42],
      'brand is null': [0.35, 0.42],
      'user_session is null': [0.003, 0.009],
    };
    for (const [condition, [least, most]] of Object.entries(bounds)) {
      const found = await share(condition);
      expect(found, condition).toBeGreaterThan(least);
      expect(found, condition).toBeLessThan(most);
    }
  });
});

/** Sessions, touches and first categories as a reader of the files alone would find them. */
const readHistory = async (): Promise<void> => {
  for (const sql of catalogueSql(42, planGeneration(populationOptions.parse({ rows: ROWS })).products))
    await db.run(sql);
  await db.run(`create table visits as
    with gaps as (
      select *, coalesce(event_time - lag(event_time) over (partition by user_id, day order by event_time) > interval 30 minute, false) as apart
      from events
    ), numbered as (
      select *, sum(apart::integer) over (partition by user_id, day order by event_time) as slot from gaps
    )
    select user_id, day, slot, min(event_time) as start, bool_or(event_type = 'cart') as carted, bool_or(event_type = 'purchase') as bought,
      arg_min(product_id, event_time) filter (event_type = 'cart') as focus
    from numbered group by all`);
  const channels = CHANNELS.map((c, at) => `when '${c.name}' then ${at + 1}`).join(' ');
  await db.run(`create table classes as
    select v.*, coalesce(p.dear, 0) as dear, case t.channel ${channels} else 0 end as channel
    from visits v left join products p on p.product_id = v.focus
    left join touches t on t.user_id = v.user_id and t.touched_at < v.start and t.touched_at >= v.start - interval 3600 second
      and t.touched_at::date = v.day`);
  await db.run(`create table history as select user_id - ${FIRST_USER_ID} as user_index, day - date '2019-07-02' as day,
    (case when bought then 2 when carted then 1 else 0 end * 2 + dear) * ${CHANNEL_STATES} + channel + ${SECOND} * slot as class from classes`);
  await db.run(`create table users as select user_id - ${FIRST_USER_ID} as user_index, p.category as home from (
    select user_id, arg_min(product_id, event_time) as product_id from events group by user_id) join products p using (product_id)`);
};

describe('the oracle', () => {
  it('follows from the written files alone, to the last digit', async () => {
    await readHistory();
    const plan = planGeneration(populationOptions.parse({ rows: ROWS }));
    await db.run(`create table recomputed as ${oracleSql(plan, cutDay(plan, CUT))}`);
    expect(await db.number('select count(*) from oracle')).toBeGreaterThan(25_000);
    expect(
      await db.number(`select count(*) from oracle o full join recomputed r using (user_id)
        where o.probability is distinct from r.probability or o.label is distinct from r.label`),
    ).toBe(0);
  }, 30_000);

  it('is calibrated in every tenth', async () => {
    const tenths = await db.rows(`select tenth, avg(probability) as forecast, avg(label::integer) as found,
        sqrt(sum(probability * (1 - probability))) / count(*) as error
      from (select *, ntile(10) over (order by probability, user_id) as tenth from oracle) group by tenth`);
    expect(tenths).toHaveLength(10);
    for (const { forecast, found, error } of tenths)
      expect(Math.abs(Number(forecast) - Number(found))).toBeLessThan(3 * Number(error) + 1e-4);
  });

  it('leaves a ceiling that is neither trivial nor hopeless, on users active in the last 92 days', async () => {
    await db.run(`create table scored as select row_number() over (order by probability desc, user_id) as place, * from oracle
      semi join (select user_id from events where event_time < '${CUT}' and event_time >= timestamp '${CUT}' - interval 92 day) using (user_id)`);
    const figures = await db.rows(`select avg(label::integer) as base, avg(probability) as mean,
        avg(probability) filter (inside) as top, avg(label::integer) filter (inside) as found,
        sqrt(sum(probability * (1 - probability)) filter (inside)) / count(*) filter (inside) as error
      from (select *, place <= (select count(*) from scored) * 0.05 as inside from scored)`);
    const [{ base = 0, mean = 0, top = 0, found = 0, error = 0 } = {}] = figures as Record<string, number>[];
    const auc = await db.number(`with ranked as (
        select label, rank() over (order by probability) + (count(*) over (partition by probability) - 1) / 2 as r from oracle semi join scored using (user_id))
      select (sum(r) filter (label) - (count(*) filter (label) * (count(*) filter (label) + 1)) / 2)
        / (count(*) filter (label) * count(*) filter (not label)) from ranked`);
    expect(base).toBeGreaterThan(0.065);
    expect(base).toBeLessThan(0.095);
    expect(auc).toBeGreaterThan(0.75);
    expect(auc).toBeLessThan(0.85);
    // The lift that the probabilities promise, free of the labels' luck; the labels must then keep the promise.
    expect(top / mean).toBeGreaterThan(4);
    expect(top / mean).toBeLessThan(6);
    expect(Math.abs(found - top)).toBeLessThan(3 * error);
  });
});

describe('what was planted besides', () => {
  it('complements are bought together far more often than chance', async () => {
    await db.run(
      `create table baskets as select distinct user_session, product_id from events where event_type = 'purchase' and user_session is not null`,
    );
    const lift = await db.number(`with alone as (select product_id, count(*) as n from baskets group by product_id),
        pairs as (select product_a, product_b, count(*) as n from baskets a join baskets b using (user_session)
          join '${folder}/truth/affinities.parquet' on product_a = a.product_id and product_b = b.product_id group by all)
      select median(p.n * (select count(distinct user_session) from baskets) / (a.n * b.n)) from pairs p
        join alone a on a.product_id = product_a join alone b on b.product_id = product_b where p.n >= 5`);
    expect(lift).toBeGreaterThan(10);
  });

  it('each channel lifts the chance that a filled cart is bought by what it was given', async () => {
    const rates = await db.rows(
      `select channel, avg(bought::integer) as rate, count(*)::integer as n from classes where carted group by channel order by channel`,
    );
    const [untouched, ...touched] = rates.map(({ rate, n }) => ({ rate: Number(rate), n: Number(n) }));
    expect(touched).toHaveLength(CHANNELS.length);
    for (const [at, { rate, n }] of touched.entries()) {
      const error = Math.sqrt((rate * (1 - rate)) / n);
      const given = (CHANNELS[at]?.lift ?? 1) * (untouched?.rate ?? 0);
      expect(Math.abs(rate - given), CHANNELS[at]?.name).toBeLessThan(4 * error);
    }
  });
});
