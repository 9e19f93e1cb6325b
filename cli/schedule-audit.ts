// The audit of schedules: every expected time with what became of it, held against the server's own counters.
import type { Client } from '@temporalio/client';
import { pastOf } from '../adapters/temporal/schedule-evidence.ts';
import type { Described } from '../adapters/temporal/schedule-reading.ts';
import { findSchedule } from '../adapters/temporal/schedules.ts';
import type { Schedule } from '../core/schedule.ts';
import { type Fate, fates, type Judged, judgeTimes } from '../core/schedule-audit.ts';
import type { Environment } from '../environments/environment.ts';
import { schedulesOf } from '../environments/schedules/index.ts';

export interface AuditedSchedule {
  readonly name: string;
  /** Judged since then: as asked, or since the schedule was made or last changed. */
  readonly since: string;
  readonly expected: number;
  readonly counts: Readonly<Record<Fate, number>>;
  /** Runs that a person started. */
  readonly extra: number;
  /** True where every expected time has a fate that is meant to happen, and the server has counted no more than we found. */
  readonly accounted: boolean;
  readonly problems: readonly string[];
  readonly times: readonly (Omit<Judged, 'at'> & { readonly at: string })[];
}

export const auditSchedules = async (
  { name }: Environment,
  client: Client,
  since: number,
): Promise<readonly AuditedSchedule[]> => {
  const audited: AuditedSchedule[] = [];
  for (const schedule of schedulesOf(name)) {
    const found = await findSchedule(client, schedule.name);
    audited.push(found ? await auditSchedule(client, schedule, found, since) : missing(schedule));
  }
  return audited;
};

export const auditSchedule = async (
  client: Client,
  schedule: Schedule,
  found: Described,
  since: number,
): Promise<AuditedSchedule> => {
  const past = await pastOf(client, schedule, found, since);
  const judged = judgeTimes(schedule, past);
  const counts = countsOf(judged);
  const problems = [
    ...judged
      .filter(({ fate }) => fate === 'unexplained')
      .map(({ at }) => `${iso(at)}: nothing was started, and nothing says why`),
    ...beyondCount(
      counts['missed: catch-up'],
      found.info.numActionsMissedCatchupWindow,
      'missed by the catch-up window',
    ),
    ...beyondCount(counts['skipped: overlap'], found.info.numActionsSkippedOverlap, 'skipped for overlap'),
  ];
  return {
    name: schedule.name,
    since: iso(past.since),
    expected: judged.length,
    counts,
    extra: past.extra.length,
    accounted: problems.length === 0,
    problems,
    times: judged.map(({ at, ...rest }) => ({ at: iso(at), ...rest })),
  };
};

/** The server counts since the schedule was made; we cannot have found more than it did. */
const beyondCount = (judged: number, counted: number, what: string): string[] =>
  judged > counted ? [`${judged} times are taken for ${what}, but the server counted ${counted}`] : [];

const countsOf = (judged: readonly Judged[]): Record<Fate, number> =>
  Object.fromEntries(fates.map((fate) => [fate, judged.filter((one) => one.fate === fate).length])) as Record<
    Fate,
    number
  >;

const missing = ({ name }: Schedule): AuditedSchedule => ({
  name,
  since: '',
  expected: 0,
  counts: countsOf([]),
  extra: 0,
  accounted: false,
  problems: ['it is missing in Temporal: start a worker, or run `perennial schedules reconcile`'],
  times: [],
});

const iso = (time: number): string => new Date(time).toISOString();
