// What Temporal can say of a schedule's past: when it ought to have started something, what it started, when the scheduler worked, when
// it was paused. For the audit.
import type { Client, WorkflowExecutionInfo, WorkflowHandle } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import protobuf from 'protobufjs';
import type { Schedule } from '../../core/schedule.ts';
import type { Evidence, PauseEvent, ScheduledRun, Wake } from '../../core/schedule-audit.ts';
import type { Described } from './schedule-reading.ts';
import { scheduleIdOf } from './schedules.ts';

export interface Past extends Evidence {
  /** Since when; its spec says nothing about times before its last change. */
  readonly since: number;
  /** Runs that stand for no time of the spec: a person started them. */
  readonly extra: readonly ScheduledRun[];
}

/** The past of a schedule since `asked`, or since it was made or last changed. */
export const pastOf = async (client: Client, schedule: Schedule, found: Described, asked: number): Promise<Past> => {
  const { createdAt, lastUpdatedAt } = found.info;
  const now = Date.now();
  const scheduleId = scheduleIdOf(schedule.name);
  const log = await schedulerLog(client, scheduleId, asked);
  const since = Math.max(asked, (lastUpdatedAt ?? createdAt).getTime());
  const all = await runsOf(client, scheduleId, since - schedule.jitterSeconds * 1_000 - 1_000);
  return {
    since,
    now,
    expected: await matchingTimes(client, scheduleId, since, now),
    runs: all.filter(({ nominal }) => standsFor(nominal, schedule)),
    extra: all.filter(({ nominal }) => !standsFor(nominal, schedule)),
    wakes: log?.wakes,
    ends: log?.ends,
    pauses: log?.pauses ?? [],
    pausedNow: found.state.paused,
  };
};

/** Temporal's own reading of the spec, so that ours cannot err differently; it answers a thousand times at once. */
const matchingTimes = async (client: Client, scheduleId: string, from: number, to: number): Promise<number[]> => {
  const { namespace } = client.options;
  const times: number[] = [];
  for (let after = from; ; after = times.at(-1) ?? to) {
    const range = { startTime: msToTs(after), endTime: msToTs(to) };
    const { startTime } = await client.workflowService.listScheduleMatchingTimes({ namespace, scheduleId, ...range });
    const more = (startTime ?? []).map((time) => tsToMs(time)).filter((time) => time > after && time <= to);
    if (more.length === 0) return times;
    times.push(...more);
  }
};

const runsOf = async (client: Client, scheduleId: string, since: number): Promise<ScheduledRun[]> => {
  const runs = new Map<string, ScheduledRun>();
  const from = new Date(since).toISOString();
  const query = `TemporalScheduledById = '${scheduleId}' and TemporalScheduledStartTime >= '${from}'`;
  for await (const found of client.workflow.list({ query })) {
    const run = runOf(found);
    const known = runs.get(run.workflowId);
    runs.set(run.workflowId, known ? joined(known, run) : run);
  }
  return [...runs.values()].sort((a, b) => a.nominal - b.nominal);
};

const runOf = ({ workflowId, startTime, closeTime, status, searchAttributes }: WorkflowExecutionInfo): ScheduledRun => {
  const [scheduled] = searchAttributes.TemporalScheduledStartTime ?? [];
  return {
    workflowId,
    nominal: scheduled instanceof Date ? scheduled.getTime() : startTime.getTime(),
    startedAt: startTime.getTime(),
    closedAt: closeTime?.getTime() ?? null,
    failed: ['FAILED', 'TIMED_OUT'].includes(status.name),
  };
};

/** One workflow id in several executions (continued as new, or retried) is one run. */
const joined = (a: ScheduledRun, b: ScheduledRun): ScheduledRun => ({
  ...a,
  startedAt: Math.min(a.startedAt, b.startedAt),
  closedAt: a.closedAt === null || b.closedAt === null ? null : Math.max(a.closedAt, b.closedAt),
  failed: a.startedAt > b.startedAt ? a.failed : b.failed,
});

/** True for a time of the spec; a run that a person triggered bears the moment of the click. */
const standsFor = (nominal: number, { when, timeZone }: Schedule): boolean => {
  if ('everySeconds' in when) return nominal % (when.everySeconds * 1_000) === 0;
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'medium' });
  return clock.format(nominal) === `${when.at}:00`;
};

interface SchedulerLog {
  readonly wakes: readonly Wake[];
  readonly ends: readonly number[];
  readonly pauses: readonly PauseEvent[];
}

/**
 * The scheduler is a workflow itself, and its history tells when it worked and who paused it. Undefined where the server keeps it
 * elsewhere (the audit then goes by what was started).
 */
const schedulerLog = async (client: Client, scheduleId: string, since: number): Promise<SchedulerLog | undefined> => {
  const wakes: Wake[] = [];
  const ends: number[] = [];
  const pauses: PauseEvent[] = [];
  let runId: string | undefined;
  try {
    for (;;) {
      const { events } = await client.workflow.getHandle(`temporal-sys-scheduler:${scheduleId}`, runId).fetchHistory();
      const times = new Map(events?.map(({ eventId, eventTime }) => [String(eventId), tsToMs(eventTime ?? undefined)]));
      for (const event of events ?? []) {
        const at = times.get(String(event.eventId)) ?? 0;
        // A task that was begun and never completed, because the server died over it, did nothing.
        const begun = times.get(String(event.workflowTaskCompletedEventAttributes?.startedEventId));
        if (begun !== undefined) wakes.push({ from: begun, to: at });
        if (event.workflowExecutionSignaledEventAttributes?.signalName === 'refresh') ends.push(at);
        pauses.push(...ordered(at, event));
      }
      const first = events?.[0];
      const before = first?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
      if (!before || tsToMs(first?.eventTime ?? undefined) < since) break;
      runId = before;
    }
  } catch (error) {
    // A run before this one may be beyond retention: then what is known begins later.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    if (runId === undefined) return undefined;
  }
  return { wakes: wakes.sort((a, b) => a.from - b.from), ends, pauses };
};

type HistoryEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

/** What the scheduler was born with, or what a person or the reconciler asked of it: a pause, its end, or a whole new schedule. */
const ordered = (at: number, event: HistoryEvent): PauseEvent[] => {
  const born = event.workflowExecutionStartedEventAttributes;
  const told = event.workflowExecutionSignaledEventAttributes;
  const bytes = (born ?? told)?.input?.payloads?.[0]?.data;
  if (!bytes) return [];
  if (born || told?.signalName === 'update') return [{ at, paused: pausedIn(bytes) }];
  if (told?.signalName !== 'patch') return [];
  const patch = fieldsOf(bytes);
  if (patch.has(PATCH.pause)) return [{ at, paused: true }];
  return patch.has(PATCH.unpause) ? [{ at, paused: false }] : [];
};

// Field numbers of temporal.api.schedule.v1.SchedulePatch, Schedule and ScheduleState; a schedule is the first field of what carries it.
const PATCH = { pause: 3, unpause: 4 } as const;
const SCHEDULE = 1;
const STATE = 4;
const PAUSED = 2;

const pausedIn = (bytes: Uint8Array): boolean => {
  const schedule = fieldsOf(bytes).get(SCHEDULE);
  const state = schedule instanceof Uint8Array ? fieldsOf(schedule).get(STATE) : undefined;
  return state instanceof Uint8Array && fieldsOf(state).get(PAUSED) === 1;
};

/** A protobuf message's fields by number: bytes, or numbers where they fit. */
const fieldsOf = (bytes: Uint8Array): Map<number, Uint8Array | number> => {
  const reader = protobuf.Reader.create(bytes);
  const fields = new Map<number, Uint8Array | number>();
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if ((tag & 7) === 0) fields.set(tag >>> 3, reader.uint32());
    else if ((tag & 7) === 2) fields.set(tag >>> 3, reader.bytes());
    else reader.skipType(tag & 7);
  }
  return fields;
};
