// Whose answers are made ahead: the likeliest of the scores and those asked for most often of late, each bounded, whatever the clock says.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chosenEntities, type Lookup } from '../../activities/chosen-entities.ts';
import { MemoryLake } from './memory-lake.ts';

let lake: MemoryLake;
const asked: Lookup = {
  useCase: 'shop',
  model: 'propensity',
  entity: 'user_id',
  scores: { table: 'gold.propensity_scores', snapshot: 1 },
};

beforeAll(async () => {
  lake = await MemoryLake.open();
  await lake.db.run(`create schema lake.gold`);
  await lake.db.run(`create table lake.gold.propensity_scores as
    select * from (values (1, 0.2), (2, 0.9), (3, 0.9), (10, 0.1), (null, 1.0)) as given (user_id, probability)`);
});
afterAll(() => lake.close());

it('are the likeliest, ties by entity, where nobody asked yet', async () => {
  expect(await chosenEntities(lake, asked)).toEqual(['1', '10', '2', '3']);
  expect(await chosenEntities(lake, asked, { likeliest: 1 })).toEqual(['2']);
  expect(await chosenEntities(lake, { ...asked, scores: null })).toEqual([]);
});

it('are those asked for most often in the last 30 days of the log, too, each once', async () => {
  await lake.db.run(`create schema lake.serving`);
  await lake.db.run(`create table lake.serving.predictions as
    select 'shop' as use_case, 'propensity' as model, entity, served_at::timestamp as served_at, cold_start
    from (values ('7', '2019-06-30', false), ('7', '2019-06-30', false), ('8', '2019-06-01', false),
      ('old', '2019-05-30', false), ('old', '2019-05-30', false), ('old', '2019-05-30', false),
      ('nobody', '2019-06-30', true), ('nobody', '2019-06-30', true), ('2', '2019-06-29', false)) as given (entity, served_at, cold_start)
    union all select 'shop', 'churn', 'other', timestamp '2025-01-01', false
    union all select 'else', 'propensity', 'other', timestamp '2025-01-01', false`);
  const none = { ...asked, scores: null };
  // As lakes have it from before jobs were noted.
  expect(await chosenEntities(lake, none)).toEqual(['2', '7', '8']);
  expect(await chosenEntities(lake, none, { askedFor: 1 })).toEqual(['7']);
  expect(await chosenEntities(lake, asked, { likeliest: 2 })).toEqual(['2', '3', '7', '8']);
});

it('are not those whom jobs asked for', async () => {
  await lake.db.run('alter table lake.serving.predictions add column job uuid');
  await lake.db.run(`insert into lake.serving.predictions
    select 'shop', 'propensity', 'of a job', timestamp '2019-06-30', false, uuid() from range(9)`);
  expect(await chosenEntities(lake, { ...asked, scores: null }, { askedFor: 1 })).toEqual(['7']);
  expect(await chosenEntities(lake, { ...asked, scores: null })).not.toContain('of a job');
});
