// From an occasion to whoever is told, on real parts: a scheduled run fails, the watch finds it, and both receivers hear it once, although
// one is away at first and the watch looks again.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asyncLocalStorage, type Context } from '@temporalio/activity';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { remind } from '../../activities/promotion/record.ts';
import { PostgresPromotions } from '../../adapters/postgres/promotions.ts';
import type { Alert, AlertOutcome } from '../../core/alert.ts';
import { childVariables, settingsOf } from '../../environments/environment.ts';
import { buildDeps } from '../../workers/deps.ts';
import { queues } from '../../workflows/names.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { startWorkers, type TestWorkers } from '../upkeep/workers.ts';
import { type Hook, type Mailbox, someAlert, startHook, startMailbox } from './receivers.ts';

let folder: string;
let hook: Hook;
let mailbox: Mailbox;
let stack: TestStack;
let workers: TestWorkers;

beforeAll(async () => {
  [hook, mailbox] = [await startHook(), await startMailbox()];
  folder = mkdtempSync(path.join(tmpdir(), 'perennial-alerts-'));
  const file = path.join(folder, 'alerts.json');
  const receivers = [
    { kind: 'webhook', name: 'ops', from: 'info', url: hook.url, secret: Buffer.alloc(32, 7).toString('base64') },
    { kind: 'email', name: 'mail', smtp: mailbox.smtp, sender: 'ml@shop.example', to: ['ops@shop.example'] },
  ];
  writeFileSync(file, JSON.stringify({ receivers }));
  chmodSync(file, 0o600);
  stack = await startTestStack(['postgres', 'temporal'], { PERENNIAL_ALERTS: file });
  workers = await startWorkers(stack.environment);
});
afterAll(async () => {
  await workers?.stop();
  await stack?.stop();
  await hook?.close();
  await mailbox?.close();
  rmSync(folder, { recursive: true, force: true });
});

const alertsOf = (): Alert[] => hook.heard.map(({ body }) => JSON.parse(body).data);

/** The keys of all deliveries there ever were. */
const deliveries = async (): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { workflowId } of workers.client.workflow.list({ query: `WorkflowType = 'alert'` }))
    keys.push(workflowId.replace('alert/', ''));
  return keys;
};

describe('a scheduled run that fails', () => {
  it('is told to every receiver, once', async () => {
    const { client } = workers;
    const schedule = await client.schedule.create({
      scheduleId: 'perennial/broken',
      spec: { calendars: [{ year: 2099 }] },
      action: { type: 'startWorkflow', workflowType: 'run', taskQueue: queues.light, args: [{ asOf: 'never' }] },
    });
    await schedule.trigger();
    const look = () => workers.run<{ failed: number }>('watch', {});
    await expect.poll(look, { interval: 300 }).toEqual({ failed: 1 });
    await expect.poll(() => [hook.heard.length, mailbox.letters.length]).toEqual([1, 1]);
    const [told] = alertsOf();
    expect(told).toMatchObject({ environment: 'dev', severity: 'critical', title: 'perennial/broken failed' });
    expect(told?.link).toContain('/namespaces/dev/workflows/');
    expect(mailbox.letters[0]).toContain('Subject: [dev] critical: perennial/broken failed');

    expect(await look()).toEqual({ failed: 1 });
    expect(await deliveries()).toEqual([told?.key]);
    expect([hook.heard.length, mailbox.letters.length]).toEqual([1, 1]);
  });
});

describe('an approval that is overdue', () => {
  it('is told once, though the step that reminds of it ran twice', async () => {
    const { environment } = stack;
    const deps = await buildDeps(environment);
    const attempt = 'promote/overdue/1';
    const asked = {
      id: 'promote/overdue',
      model: 'ecommerce-intelligence/propensity',
      package: 'b'.repeat(64),
      by: 'bob',
    };
    await new PostgresPromotions(deps.pool).open({ attempt, from: { environment: 'dev', version: 1 }, ...asked });
    const context = { client: workers.client, info: { taskQueue: queues.light } } as unknown as Context;
    const due = { number: 4, escalated: true, missed: 0, expiresAt: '2026-05-02T00:00:00.000Z', headline: 'better' };
    const delivered = () =>
      asyncLocalStorage.run(context, () => remind(deps, { attempt, id: asked.id, evidence: 'e'.repeat(64), ...due }));
    const [heard, letters] = [hook.heard.length, mailbox.letters.length];
    const words = await delivered();
    await expect.poll(() => hook.heard.length - heard).toBe(1);
    await expect.poll(() => mailbox.letters.length - letters).toBe(1);
    const [{ key } = { key: '' }] = alertsOf().slice(-1);
    const run = async () => (await workers.client.workflow.getHandle(`alert/${key}`).describe()).runId;
    const first = await run();
    expect(await delivered()).toBe(words);
    expect(await run()).toBe(first);
    expect(alertsOf().at(-1)).toMatchObject({
      severity: 'critical',
      title: 'promote/overdue waits for approval',
      text: words,
    });
    await deps.pool.end();
  });
});

describe('a receiver', () => {
  it('that is away is tried again; one that refuses for good keeps the other from nothing', async () => {
    const [letters, heard] = [mailbox.letters.length, hook.heard.length];
    hook.next.push(503);
    mailbox.next.push(550);
    const outcome = await workers.run<AlertOutcome>('alert', someAlert);
    expect(outcome).toEqual({
      delivered: ['ops'],
      failed: [expect.stringMatching(/^mail: The mail server answered 550/)],
    });
    expect([hook.heard.length - heard, mailbox.letters.length - letters]).toEqual([1, 0]);
  });

  it('hears nothing below its severity', async () => {
    expect(await workers.run<AlertOutcome>('alert', { ...someAlert, key: 'test/2', severity: 'info' })).toEqual({
      delivered: ['ops'],
      failed: [],
    });
  });

  it('is tried by `perennial alert test`, which says who was not reached', async () => {
    const { root } = stack.environment;
    const env = childVariables(settingsOf(stack.environment));
    const trial = () =>
      execa('node', ['cli/perennial.mjs', 'alert', 'test', '--json'], { cwd: root, env, reject: false });
    hook.next.push(404);
    const failed = await trial();
    expect([failed.exitCode, JSON.parse(failed.stdout)]).toEqual([
      1,
      [
        { name: 'ops', outcome: expect.stringContaining('The webhook answered 404') },
        { name: 'mail', outcome: 'delivered' },
      ],
    ]);
    expect((await trial()).exitCode).toBe(0);
    expect(alertsOf().at(-1)).toMatchObject({ severity: 'info', title: 'a test of alerts' });
  });
});
