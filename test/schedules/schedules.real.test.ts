// Schedules on a real server: brought in line with their files and held there, and fully accounted for after an outage of twelve intervals.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  driftOf,
  findSchedule,
  handleOf,
  reconcileSchedules,
  scheduleIdOf,
} from '../../adapters/temporal/schedules.ts';
import { type AuditedSchedule, auditSchedule } from '../../cli/schedule-audit.ts';
import type { Schedule } from '../../core/schedule.ts';
import { schedulesOf } from '../../environments/schedules/index.ts';
import { startServer, type TestServer } from './server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => server?.remove());

const placement = { taskQueue: 'nobody' };
const reconcile = (wanted: readonly Schedule[]) => reconcileSchedules(server.client, wanted, placement);
const stateOf = async (name: string) => (await findSchedule(server.client, name))?.state;

describe('reconciling', () => {
  const files = schedulesOf('staging').map((schedule) => ({ ...schedule, paused: true }));
  const [first] = files as [Schedule];
  const names = files.map(({ name }) => name);

  it('makes what is missing, once, however many workers start', async () => {
    const both = await Promise.all([reconcile(files), reconcile(files)]);
    expect(both.flatMap(({ created }) => created).sort()).toEqual([...names].sort());
    expect(await reconcile(files)).toEqual({ created: [], updated: [], unchanged: names, deleted: [] });
  });

  it('changes what differs from its file, whoever changed it', async () => {
    const later = { ...first, when: { at: '03:33', on: ['friday', 'monday'] } } satisfies Schedule;
    expect(await reconcile([later, ...files.slice(1)])).toMatchObject({ updated: [`${first.name}: when`] });
    const handle = await handleOf(server.client, first.name);
    await handle.update(({ state, action, policies }) => ({
      state,
      action,
      policies: { ...policies, catchupWindow: '1 minute' },
      spec: { calendars: [{ hour: 4, dayOfMonth: 1 }], timezone: 'Asia/Tokyo' },
    }));
    const found = await findSchedule(server.client, first.name);
    expect(found && driftOf(found, later, placement)).toEqual(['when', 'timeZone', 'jitterSeconds', 'catchUpSeconds']);
    await reconcile(files);
    expect(await reconcile(files)).toMatchObject({ updated: [], unchanged: names });
  });

  it('keeps a person’s pause and what they said of it', async () => {
    const handle = await handleOf(server.client, first.name);
    await handle.unpause('awake for the test');
    await reconcile([{ ...first, catchUpSeconds: 3_600 }, ...files.slice(1)]);
    expect(await stateOf(first.name)).toMatchObject({ paused: false, note: first.note });
    await handle.pause('the source is being moved');
    await reconcile(files);
    expect(await stateOf(first.name)).toMatchObject({ paused: true, note: 'the source is being moved' });
  });

  it('removes ours that no file names, and nobody else’s', async () => {
    const action = { type: 'startWorkflow', workflowType: 'empty', taskQueue: 'nobody' } as const;
    for (const scheduleId of ['theirs', 'perennial/theirs-too']) {
      await server.client.schedule.create({ scheduleId, spec: {}, action });
    }
    const { deleted } = await reconcile(files.slice(0, 2));
    expect(deleted).toEqual(names.slice(2).sort());
    const left: string[] = [];
    for await (const { scheduleId } of server.client.schedule.list()) left.push(scheduleId);
    expect(left.sort()).toEqual(['perennial/theirs-too', 'theirs', ...names.slice(0, 2).map(scheduleIdOf)].sort());
    await expect(reconcile([{ ...first, name: 'theirs-too' }])).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

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
