// Schedules over an outage of twelve intervals on a real server, killed and started again: every expected time is accounted for. By hand, since
// it lives by the wall clock; `audit.test.ts` holds the same judgement against a model of the scheduler.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSchedule, handleOf, reconcileSchedules } from '../../adapters/temporal/schedules.ts';
import { type AuditedSchedule, auditSchedule } from '../../cli/schedule-audit.ts';
import type { Schedule } from '../../core/schedule.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => server?.remove());

describe('an outage of twelve intervals', () => {
  const base = {
    note: 'a steady beat for a test',
    workflow: 'empty',
    input: { steps: 0 },
    when: { everySeconds: 1 },
    timeZone: 'UTC',
    jitterSeconds: 0,
    overlap: 'skip',
    catchUpSeconds: 3_600,
    pauseOnFailure: false,
    paused: false,
  } as const satisfies Omit<Schedule, 'name'>;
  /** Its runs end at once; of the outage, the last ten seconds are made up for. */
  const quick: Schedule = { ...base, name: 'quick', catchUpSeconds: 10 };
  /** No worker knows such a workflow: its runs never end. */
  const stuck: Schedule = { ...base, name: 'stuck', workflow: 'unheard' };
  const buffered: Schedule = { ...stuck, name: 'buffered', overlap: 'buffer-one' };
  const dozing: Schedule = { ...stuck, name: 'dozing' };
  const audits = new Map<string, AuditedSchedule>();
  const outage = { from: 0, to: 0 };

  const infoOf = async (name: string) => (await findSchedule(server.client, name))?.info;
  const untilTaken = async (name: string, count: number) => {
    while (((await infoOf(name))?.numActionsTaken ?? 0) < count) await pause(200);
  };
  const audit = async (schedule: Schedule) => {
    const found = await findSchedule(server.client, schedule.name);
    if (found) audits.set(schedule.name, await auditSchedule(server.client, schedule, found, 0));
  };

  beforeAll(async () => {
    const all = [quick, stuck, buffered, dozing];
    await reconcileSchedules(server.client, all, { taskQueue: 'worked' });
    let stopWorker = await server.work('worked');
    await untilTaken('quick', 3);
    await (await handleOf(server.client, 'dozing')).pause('for a while');
    // Heard, not only said: what the server dies over was never heard.
    while (!(await findSchedule(server.client, 'dozing'))?.state.paused) await pause(100);
    await stopWorker();
    const before = (await infoOf('quick'))?.numActionsTaken ?? 0;
    outage.from = Date.now();
    await server.kill();
    await pause(12_000);
    await server.start();
    outage.to = Date.now();
    stopWorker = await server.work('worked');
    await (await handleOf(server.client, 'dozing')).unpause('enough');
    await untilTaken('quick', before + 4);
    for (const { name } of all) await (await handleOf(server.client, name)).pause('judged now');
    for (const schedule of all) await audit(schedule);
    await stopWorker();
  });

  it('leaves no time unexplained', () => {
    for (const { name, problems, accounted, expected, counts } of audits.values()) {
      expect({ name, problems, accounted }).toEqual({ name, problems: [], accounted: true });
      expect(expected).toBeGreaterThan(12);
      expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(expected);
    }
  });

  it('agrees with the server’s own counts', async () => {
    for (const name of ['quick', 'stuck']) {
      const info = await infoOf(name);
      const counts = audits.get(name)?.counts;
      expect(counts?.['missed: catch-up']).toBe(info?.numActionsMissedCatchupWindow);
      expect(counts?.['skipped: overlap']).toBe(info?.numActionsSkippedOverlap);
      expect(counts?.ran).toBe(info?.numActionsTaken);
    }
  });

  it('brings no storm: what was missed comes to one run, or one more that waits', () => {
    const during = (name: string) =>
      (audits.get(name)?.times ?? []).filter(({ at }) => outage.from < Date.parse(at) && Date.parse(at) < outage.to);
    expect(during('quick').length).toBeGreaterThanOrEqual(12);
    expect(during('quick').filter(({ fate }) => fate === 'ran').length).toBeLessThanOrEqual(3);
    expect(audits.get('quick')?.counts['missed: catch-up']).toBeGreaterThan(0);
    expect(audits.get('stuck')?.counts).toMatchObject({ ran: 1, unexplained: 0 });
    expect(audits.get('buffered')?.counts).toMatchObject({ ran: 1, buffered: 1, unexplained: 0 });
  });

  it('tells a pause from an outage', () => {
    expect(audits.get('dozing')?.counts.paused).toBeGreaterThan(10);
  });
});
