// Schedules on a real server: brought in line with their files and held there.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  driftOf,
  findSchedule,
  handleOf,
  reconcileSchedules,
  scheduleIdOf,
} from '../../adapters/temporal/schedules.ts';
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
