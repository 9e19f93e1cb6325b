// What became of every time at which a schedule ought to have started something: no time may simply be missing. Pure; the evidence
// comes from Temporal. For `perennial schedules audit`.
import type { Schedule } from './schedule.ts';

export interface ScheduledRun {
  readonly workflowId: string;
  /** The time that it stands for, before jitter; milliseconds, as all times here. */
  readonly nominal: number;
  readonly startedAt: number;
  /** Null while it is open. */
  readonly closedAt: number | null;
  readonly failed: boolean;
}

/** A moment at which the schedule became paused, or awake. */
export interface PauseEvent {
  readonly at: number;
  readonly paused: boolean;
}

/** One spell of the scheduler's work. */
export interface Wake {
  readonly from: number;
  readonly to: number;
}

export interface Evidence {
  /** Start times that follow from the spec, jitter included; ascending. */
  readonly expected: readonly number[];
  readonly runs: readonly ScheduledRun[];
  /** When the scheduler is known to have worked, ascending; undefined where the server does not say. */
  readonly wakes: readonly Wake[] | undefined;
  /** Moments at which it was told that a run had ended, likewise. */
  readonly ends: readonly number[] | undefined;
  /** As far as anybody ordered them. */
  readonly pauses: readonly PauseEvent[];
  readonly pausedNow: boolean;
  readonly now: number;
}

export const fates = [
  'ran',
  'buffered',
  'skipped: overlap',
  'missed: catch-up',
  'paused',
  'due',
  'unexplained',
] as const;
export type Fate = (typeof fates)[number];

export interface Judged {
  readonly at: number;
  readonly fate: Fate;
  /** The run that stands for this time, or the one in its way. */
  readonly run: string | null;
  /** Seconds between the time and the start of its run. */
  readonly lateSeconds: number | null;
}

/** A scheduler gets to a time within moments, or it is away. */
const PROMPT_MS = 30_000;
/** One verdict per expected time, in their order. */
export const judgeTimes = (
  { overlap, catchUpSeconds, jitterSeconds }: Pick<Schedule, 'overlap' | 'catchUpSeconds' | 'jitterSeconds'>,
  evidence: Evidence,
): readonly Judged[] => {
  const pauses = pauseIntervals(evidence);
  const taken = assign(evidence, Math.max(jitterSeconds, 1) * 1_000);
  const judged: Judged[] = [];
  for (const at of evidence.expected) {
    const run = taken.get(at);
    if (run)
      judged.push({ at, fate: 'ran', run: run.workflowId, lateSeconds: Math.max(0, run.startedAt - at) / 1_000 });
    else judged.push({ at, ...absence(at), lateSeconds: null });
  }
  return judged;

  function absence(at: number): Pick<Judged, 'fate' | 'run'> {
    const moments = dealtWith(at, evidence);
    const [first = at] = moments;
    if (pauses.some(({ from, to }) => from < first && first <= to)) return { fate: 'paused', run: null };
    for (const seen of moments) {
      if (seen - at > catchUpSeconds * 1_000) return { fate: 'missed: catch-up', run: null };
      const other = inTheWay(at, seen, evidence);
      if (other) return { fate: waits(at, seen) ? 'buffered' : 'skipped: overlap', run: other.workflowId };
    }
    // What is due in the very moment of a pause is looked at before it and not started after it.
    if (pauses.some(({ from }) => from === first)) return { fate: 'paused', run: null };
    return { fate: evidence.now - at <= PROMPT_MS ? 'due' : 'unexplained', run: null };
  }

  /** Whether a time without a run is still kept for later: it came after the run that is open now was taken from the buffer. */
  function waits(at: number, seen: number): boolean {
    const latest = evidence.runs.toSorted((a, b) => a.startedAt - b.startedAt).at(-1);
    if (!overlap.startsWith('buffer') || latest?.closedAt !== null || at < latest.nominal) return false;
    if (overlap === 'buffer-all') return true;
    const [first = latest.startedAt] = dealtWith(latest.nominal, evidence);
    const atOnce = inTheWay(latest.nominal, first, evidence) === undefined;
    const free = seen >= latest.startedAt || (atOnce && seen === first);
    return free && !judged.some(({ fate }) => fate === 'buffered');
  }
};

/** Each run to the expected time that its nominal time, put off by jitter, became. */
const assign = ({ expected, runs }: Evidence, jitterMs: number): Map<number, ScheduledRun> => {
  const taken = new Map<number, ScheduledRun>();
  for (const run of runs) {
    const at = expected.find((time) => time >= run.nominal && time <= run.nominal + jitterMs && !taken.has(time));
    if (at !== undefined) taken.set(at, run);
  }
  return taken;
};

/**
 * When the scheduler may have dealt with a time: in the first spell of work that goes beyond it. One that began a hair before it may have
 * left it for the next, which an outage may put off; so the next counts too.
 */
const dealtWith = (at: number, { wakes, runs }: Evidence): readonly number[] => {
  if (wakes) {
    const spells = wakes.filter(({ to }) => to >= at).slice(0, 2);
    return spells.map(({ from }) => Math.max(from, at));
  }
  const started = runs.map(({ startedAt }) => startedAt).sort((a, b) => a - b);
  return started.filter((moment) => moment >= at).slice(0, 1);
};

/** The last run for an earlier time, if the scheduler took it to be open when it dealt with this one. */
const inTheWay = (at: number, seen: number, { runs, ends }: Evidence): ScheduledRun | undefined => {
  const last = runs.findLast(({ nominal, startedAt }) => nominal < at && startedAt <= seen + PROMPT_MS);
  const closedAt = last?.closedAt ?? Number.POSITIVE_INFINITY;
  const told = ends === undefined ? closedAt < at : ends.some((end) => closedAt <= end && end <= seen);
  return told ? undefined : last;
};

/** From the moment at which the scheduler heard of a pause to that at which it heard of its end. */
const pauseIntervals = (evidence: Evidence): { from: number; to: number }[] => {
  const intervals: { from: number; to: number }[] = [];
  const heard = (at: number) => evidence.wakes?.find(({ from }) => from >= at)?.from ?? at;
  let from: number | undefined;
  for (const { at, paused } of [...evidence.pauses].sort((a, b) => a.at - b.at)) {
    if (paused) from ??= at;
    else {
      const since = from ?? lastFailure(evidence, at);
      if (since !== undefined) intervals.push({ from: heard(since), to: heard(at) });
      from = undefined;
    }
  }
  const since = evidence.pausedNow ? (from ?? lastFailure(evidence, evidence.now)) : undefined;
  if (since !== undefined) intervals.push({ from: heard(since), to: Number.POSITIVE_INFINITY });
  return intervals;
};

/** A pause that nobody ordered came from a run that failed. */
const lastFailure = ({ runs }: Evidence, before: number): number | undefined => {
  const failures = runs.flatMap(({ failed, closedAt }) =>
    failed && closedAt !== null && closedAt < before ? closedAt : [],
  );
  return failures.length === 0 ? undefined : Math.max(...failures);
};
