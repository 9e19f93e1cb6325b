// From dev to staging to prod on real parts: refusals, approval, stale evidence, rivals, a step back, lost answers, and the end of dev.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { withLake } from '../../activities/lake-session.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { makeToken } from '../../cli/api-token.ts';
import type { PromotionResult, RollbackResult } from '../../core/promotion/messages.ts';
import { childVariables, settingsOf } from '../../environments/environment.ts';
import { startApi } from '../../serving/server.ts';
import { queues } from '../../workflows/names.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { killAtEveryPoint, POINTS } from './kills.ts';
import { raceInto } from './rivals.ts';
import { expectSound } from './soundness.ts';
import {
  decide,
  fillLake,
  MODEL,
  promotion,
  startPromotion,
  startWorld,
  trainFirst,
  until,
  untilWaiting,
  variant,
  type World,
} from './world.ts';

let world: World;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  world = await startWorld();
  await trainFirst(world, await fillLake(world.at.dev, 'dev'));
}, 300_000);
afterAll(async () => {
  for (const stop of stops) await stop();
  await world?.stop();
});

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The command line as people and CI call it. */
const perennial = async (...args: string[]): Promise<Said> => {
  const file = path.join(world.at.dev.environment.root, 'cli', 'perennial.mjs');
  const env = childVariables(settingsOf(world.at.dev.environment));
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, ...args], { env });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
};

const promoteTo = async (name: 'staging' | 'prod', id: string, input = {}): Promise<PromotionResult> =>
  (await startPromotion(world.at[name], id, input)).result();

describe('into staging', () => {
  beforeAll(async () => {
    stops.push(await world.host('staging'));
  });

  it('nothing goes while it has no data of its own: exit 3, and what to do', async () => {
    const { code, out } = await perennial('promote', MODEL, '--to', 'staging', '--json');
    expect(code).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ status: 'refused', id: `promote/${MODEL}/staging/1` });
    expect(JSON.parse(out).reasons[0]).toMatch(/no table features.customer_daily yet.*--no-train/);
  });

  it('no version goes that is worse there than the rule; MLflow says so too', async () => {
    await fillLake(world.at.staging, 'staging', { inverted: true });
    const refused = await promoteTo('staging', 'promote/worse');
    expect(refused).toMatchObject({ status: 'refused', reasons: [expect.stringMatching(/roc_auc .* is below/)] });
    const { mlflow } = world.at.dev.deps;
    const tags = z.object({
      model_version: z.object({ tags: z.array(z.object({ key: z.string(), value: z.string() })) }),
    });
    const version = { name: 'dev.ecommerce_intelligence.propensity', version: '1' };
    const { model_version } = await mlflow.call('GET', 'model-versions/get', version, tags);
    expect(model_version.tags.find(({ key }) => key === 'perennial.promotion.staging')?.value).toMatch(
      /^refused; roc_auc/,
    );
    expect(await world.at.staging.registry.versions(MODEL)).toEqual([]);
  });

  it('a dry run records nothing, and equal facts are equal evidence', async () => {
    await fillLake(world.at.staging, 'staging');
    const before = (await world.at.staging.promotions.list()).length;
    const [one, two] = [
      await promoteTo('staging', 'dry', { dryRun: true }),
      await promoteTo('staging', 'dry', { dryRun: true }),
    ];
    expect(one).toMatchObject({ status: 'passed', reasons: [] });
    expect(two?.evidence).toBe(one?.evidence);
    expect(await world.at.staging.promotions.list()).toHaveLength(before);
    expect(await world.at.staging.registry.versions(MODEL)).toEqual([]);
  });

  it('a sound one goes without approval, and answers', async () => {
    expect(await promoteTo('staging', 'promote/first', { by: 'bob' })).toMatchObject({
      status: 'promoted',
      to: { environment: 'staging', version: 1, replaced: null },
      reasons: [],
    });
    expect(await world.at.staging.registry.champion(MODEL)).toMatchObject({ version: 1, state: 'staging' });
    expect(await promoteTo('staging', 'promote/first')).toMatchObject({
      status: 'promoted',
      reasons: [/champion already/],
    });
    await expectSound(world.at.staging);
  });

  it('of six rivals one goes, and five hear who was first', async () => {
    await stops.pop()?.();
    const versions: number[] = [];
    for (let i = 0; i < 6; i += 1) versions.push(await variant(world, `rival ${i}`));
    const ends = await raceInto(world, 'rival', versions);
    const champion = await world.at.staging.registry.champion(MODEL);
    expect(ends.filter(({ status }) => status === 'promoted')).toHaveLength(1);
    const refused = ends.filter(({ status }) => status === 'superseded');
    expect(refused).toHaveLength(5);
    for (const { reasons } of refused)
      expect(reasons[0]).toContain(`version ${champion?.version} became champion first`);
    await expectSound(world.at.staging);
    stops.push(await world.host('staging'));
  });
});

describe('into prod', () => {
  const id = () => `promote/${MODEL}/prod/1`;
  beforeAll(async () => {
    await fillLake(world.at.prod, 'prod');
    stops.push(await world.host('prod'));
  });

  it('a version waits for approval: exit 4; nobody approves for himself', async () => {
    const asked = await perennial('promote', MODEL, '--to', 'prod', '--version', '1', '--json');
    expect(asked.code).toBe(4);
    expect(JSON.parse(asked.out)).toMatchObject({ status: 'waiting', state: 'waiting' });
    const own = await perennial('approve', id());
    expect(own.code).toBe(1);
    expect(own.err).toMatch(/somebody else must decide/);
    expect(await world.at.prod.registry.champion(MODEL)).toBeUndefined();
  });

  it('goes once somebody else approved; a second word changes nothing', async () => {
    const done = await perennial('approve', id(), '--by', 'alice', '--why', 'seen the curves', '--wait', '--json');
    expect(done.code).toBe(0);
    expect(await world.at.prod.registry.champion(MODEL)).toMatchObject({ version: 1, state: 'production' });
    const again = await perennial('approve', id(), '--by', 'eve', '--json');
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('nothing changed') });
    const [{ attempt } = { attempt: '' }] = await world.at.prod.promotions.list({ id: id() });
    expect(await world.at.prod.promotions.decisions(attempt)).toMatchObject([{ by: 'alice', why: 'seen the curves' }]);
    await expectSound(world.at.prod);
  });

  it('waits with no worker alive; what came due meanwhile is said once', async () => {
    const patience = { remindAfterSeconds: 0.5, escalateAfterSeconds: 1 };
    const handle = await startPromotion(world.at.prod, 'promote/patient', { by: 'bob', ...patience });
    const { request } = await untilWaiting(handle);
    await stops.pop()?.();
    await new Promise((next) => setTimeout(next, 3_000));
    stops.push(await world.host('prod'));
    const reminders = await until(async () => {
      const found = await world.at.prod.promotions.reminders(request?.attempt ?? '');
      return found.some(({ missed }) => missed >= 3) ? found : undefined;
    });
    expect(reminders.at(-1)?.number).toBe(reminders.reduce((sum, { missed }) => sum + missed + 1, 0));
    expect(reminders.at(-1)).toMatchObject({ escalated: true });
    await expect(decide(handle, 'reject', { by: 'alice' })).rejects.toMatchObject({
      cause: { message: /why it is rejected/ },
    });
    await decide(handle, 'reject', { by: 'alice', why: 'not before Christmas' });
    expect(await handle.result()).toMatchObject({
      status: 'rejected',
      reasons: ['rejected by alice: not before Christmas'],
    });
  });

  it('lapses when nobody answers', async () => {
    const handle = await startPromotion(world.at.prod, 'promote/lapse', { by: 'bob', expireAfterSeconds: 0.5 });
    expect(await handle.result()).toMatchObject({ status: 'expired' });
  });

  it('asks again when the evidence went stale while it waited', async () => {
    const handle = await startPromotion(world.at.prod, 'promote/stale', { by: 'bob', score: false });
    const first = await untilWaiting(handle);
    await expect(decide(handle, 'approve', { by: 'alice', force: true })).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/no field force/) },
    });
    await fillLake(world.at.prod, 'newer');
    expect(await decide(handle, 'approve', { by: 'alice' })).toMatchObject({ recorded: true });
    const second = await until(async () => {
      const view = await promotion(handle);
      return view.state === 'waiting' && view.openedAt && view.evidence !== first.evidence ? view : undefined;
    });
    expect(second.notes.at(-1)).toMatch(/Asked again.*the data it is judged on/);
    const outdated = { by: 'alice', evidence: first.evidence?.slice(0, 12) ?? '' };
    await expect(decide(handle, 'approve', outdated)).rejects.toMatchObject({ cause: { message: /look again/ } });
    expect(await decide(handle, 'approve', { by: 'alice' })).toMatchObject({ recorded: true });
    const result = await handle.result();
    expect(result).toMatchObject({ status: 'promoted', to: { version: 2, replaced: 1 } });
    expect(result.evidence).toBe(second.evidence);
    await expectSound(world.at.prod);
  });

  it('steps back to the champion before, and no further', async () => {
    const rollback = (id: string) =>
      world.at.prod.client.workflow.execute<(input: object) => Promise<RollbackResult>>('rollback', {
        workflowId: id,
        taskQueue: queues.light,
        args: [{ by: 'alice', why: 'complaints', score: false }],
      });
    expect(await rollback('rollback/1')).toMatchObject({ status: 'rolled back', from: 2, to: 1 });
    expect(await world.at.prod.registry.champion(MODEL)).toMatchObject({ version: 1, state: 'production' });
    expect(await rollback('rollback/2')).toMatchObject({ status: 'refused', reasons: [/before version 1/] });
    const forward = await startPromotion(world.at.prod, 'promote/forward', { by: 'bob', score: false });
    await untilWaiting(forward);
    await decide(forward, 'approve', { by: 'alice' });
    expect(await forward.result()).toMatchObject({ status: 'promoted', to: { version: 2, replaced: 1 } });
    await expectSound(world.at.prod);
  });
});

describe('when the answer to the move is lost after its commit', () => {
  it('the promotion reads it back', async () => {
    await stops.splice(0, 1)[0]?.();
    const { environment, registry } = world.at.staging;
    const proxy = await startCuttingProxy(environment.postgres.port);
    const pool = openPool({ ...environment.postgres, port: proxy.port }, { max: 8, schema: environment.schema });
    const crash = (point: string) => {
      if (point === 'before-write' && Context.current().info.activityType === 'moveChampion' && proxy.lost() === 0)
        proxy.loseNext(1);
    };
    const stop = await world.host('staging', { deps: { pool, crash } });
    const before = (await registry.events(MODEL)).filter(({ kind }) => kind === 'alias moved').length;
    const version = await variant(world, 'lost');
    expect(await promoteTo('staging', 'promote/lost', { version, score: false })).toMatchObject({ status: 'promoted' });
    expect(proxy.lost()).toBe(1);
    expect((await registry.events(MODEL)).filter(({ kind }) => kind === 'alias moved')).toHaveLength(before + 1);
    await expectSound(world.at.staging);
    await stop();
    await pool.end();
    await proxy.close();
  });
});

describe('killed at every labelled point of every activity', () => {
  it('leaves one version, shown once, and the alias on a ready model', async () => {
    for (const stop of stops.splice(0)) await stop();
    const { points, ends } = await killAtEveryPoint(world, 'every point', await variant(world, 'every point'));
    // A fault that never fired proves nothing.
    expect(points).toEqual(POINTS);
    expect(ends.map(({ status }) => status)).toEqual(['promoted', 'promoted', 'rolled back']);
    await expectSound(world.at.staging);
    await expectSound(world.at.prod);
  });
});

describe('when dev is gone, with its catalog, its artifacts and its models in MLflow', () => {
  const USERS = ['0', '1', '7', '42', '1499'];
  const answers = async () => {
    const api = await startApi(world.at.prod.environment);
    const authorization = `Bearer ${await makeToken(world.at.prod.environment, { roles: ['analyst'], seconds: 300 })}`;
    const found: unknown[] = [];
    for (const user of USERS) {
      const reply = await fetch(`${api.url}/predict/propensity/${user}`, { headers: { authorization } });
      // What is new with each answer: when it was given, and the number it is looked up by.
      const {
        served_at: _,
        scored_at: ___,
        prediction_id: __,
        ...rest
      } = (await reply.json()) as Record<string, unknown>;
      expect(reply.status, JSON.stringify(rest)).toBe(200);
      found.push(rest);
    }
    await api.close();
    return found;
  };

  it('prod answers bit by bit as before, and scores anew', async () => {
    const stop = await world.host('prod');
    const scores = () =>
      withLake(world.at.prod.deps, new AbortController().signal, async (lake) => {
        const head = await lake.head('gold.propensity_scores');
        return lake.digest('gold.propensity_scores', head?.snapshot ?? 0);
      });
    const [before, table] = [await answers(), await scores()];
    expect(before).toHaveLength(USERS.length);
    await loseDev();
    expect(await answers()).toEqual(before);
    expect(await scores()).toBe(table);
    // Nor does the next promotion miss it.
    const next = await startPromotion(world.at.prod, 'promote/after', { by: 'bob' });
    await untilWaiting(next);
    await decide(next, 'approve', { by: 'alice' });
    expect(await next.result()).toMatchObject({ status: 'promoted', reasons: [] });
    await expectSound(world.at.prod);
    await stop();
  });

  const loseDev = async (): Promise<void> => {
    const { environment, deps } = world.at.dev;
    const owner = openPool(environment.owner, { max: 1 });
    await owner.query(`drop schema ${environment.lake.metadataSchema} cascade`);
    await owner.query(`drop schema ${environment.schema} cascade`);
    await owner.end();
    for (const folder of [environment.lake.dataPath, environment.artifacts]) await rm(folder, { recursive: true });
    const name = 'dev.ecommerce_intelligence.propensity';
    await deps.mlflow.call('DELETE', 'registered-models/delete', { name }, z.unknown());
  };
});
