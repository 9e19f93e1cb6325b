// The schedules of an environment as people ask for them: its files beside what Temporal has.
import type { Client } from '@temporalio/client';
import type { Described } from '../adapters/temporal/schedule-reading.ts';
import { driftOf, findSchedule, namesBeyond } from '../adapters/temporal/schedules.ts';
import { inWords, type Schedule } from '../core/schedule.ts';
import type { Environment } from '../environments/environment.ts';
import { schedulesOf } from '../environments/schedules/index.ts';
import { queues } from '../workflows/names.ts';

export interface ListedSchedule {
  readonly name: string;
  readonly when: string;
  readonly workflow: string;
  readonly state: 'on' | 'paused' | 'missing' | 'not in the files';
  readonly note: string;
  /** The next three starts, jitter included (ISO). */
  readonly next: readonly string[];
  /** The last runs, the newest first. */
  readonly last: readonly { readonly at: string; readonly workflowId: string; readonly status: string }[];
  readonly overlap: string;
  readonly catchUpSeconds: number;
  /** Fields in which Temporal differs from the file. */
  readonly drift: readonly string[];
}

const LAST = 5;

export const listSchedules = async ({ name }: Environment, client: Client): Promise<readonly ListedSchedule[]> => {
  const wanted = schedulesOf(name);
  const listed: ListedSchedule[] = [];
  for (const schedule of wanted) listed.push(await describe(client, schedule));
  for (const stray of await namesBeyond(client, wanted)) listed.push(beyond(stray));
  return listed;
};

const describe = async (client: Client, schedule: Schedule): Promise<ListedSchedule> => {
  const { name, workflow, note, overlap, catchUpSeconds } = schedule;
  const found = await findSchedule(client, name);
  const base = { name, when: inWords(schedule), workflow, overlap, catchUpSeconds };
  if (!found) return { ...base, state: 'missing', note, next: [], last: [], drift: ['missing in Temporal'] };
  return {
    ...base,
    state: found.state.paused ? 'paused' : 'on',
    note: found.state.note ?? '',
    next: found.state.paused ? [] : found.info.nextActionTimes.slice(0, 3).map((time) => time.toISOString()),
    last: await lastRuns(client, found),
    drift: driftOf(found, schedule, { taskQueue: queues.light }),
  };
};

const lastRuns = (client: Client, { info }: Described): Promise<ListedSchedule['last']> => {
  const recent = info.recentActions.slice(-LAST).reverse();
  return Promise.all(
    recent.map(async ({ takenAt, action }) => {
      const { workflowId, firstExecutionRunId } = action.workflow;
      const handle = client.workflow.getHandle(workflowId, firstExecutionRunId);
      const status = await handle.describe().then(
        (found) => found.status.name.toLowerCase(),
        () => 'beyond retention',
      );
      return { at: takenAt.toISOString(), workflowId, status };
    }),
  );
};

const beyond = (name: string): ListedSchedule => ({
  name,
  when: '',
  workflow: '',
  state: 'not in the files',
  note: '',
  next: [],
  last: [],
  overlap: '',
  catchUpSeconds: 0,
  drift: ['no file names it: the next worker to start removes it'],
});
