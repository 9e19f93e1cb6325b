// A scheduler in a few lines, whose every decision is known: what the audit must find out again from the evidence alone.
import type { Schedule } from '../../core/schedule.ts';
import type { Evidence, Fate, PauseEvent, ScheduledRun } from '../../core/schedule-audit.ts';

export interface Stretch {
  readonly state: 'up' | 'down' | 'paused';
  /** Intervals that it lasts. */
  readonly intervals: number;
}

export interface Story {
  readonly overlap: Schedule['overlap'];
  readonly catchUpSeconds: number;
  readonly everySeconds: number;
  readonly stretches: readonly Stretch[];
  /** Seconds each run takes, in turn. */
  readonly runSeconds: readonly number[];
}

type OpenRun = { -readonly [field in keyof ScheduledRun]: ScheduledRun[field] };

/** Plays the story from its beginning; the truth says of each expected time what became of it. */
export const play = (story: Story): { evidence: Evidence; truth: readonly Fate[] } => {
  const stage = new Stage(story);
  let at = stage.every * 100;
  for (const { state, intervals } of story.stretches) {
    const end = at + intervals * stage.every;
    stage.enter(state, at + stage.every / 2);
    for (let time = at + stage.every; time <= end; time += stage.every) stage.tick(time);
    at = end;
  }
  // Nothing is left in the dark: the scheduler is there at the end.
  stage.enter('up', at + stage.every / 2);
  stage.tick(at + stage.every);
  return stage.told(at + stage.every + 1_000);
};

class Stage {
  readonly every: number;
  private readonly story: Story;
  private state: Stretch['state'] = 'up';
  private readonly fates = new Map<number, Fate>();
  private readonly runs: OpenRun[] = [];
  private readonly ends = new Map<OpenRun, number>();
  private readonly wakes: number[] = [];
  private readonly heardEnds: number[] = [];
  private readonly pauses: PauseEvent[] = [];
  private readonly waiting: number[] = [];
  private pending: number[] = [];

  constructor(story: Story) {
    this.story = story;
    this.every = story.everySeconds * 1_000;
  }

  enter(state: Stretch['state'], at: number): void {
    this.settle(at);
    if (this.state === 'down' && state !== 'down') this.wake(at);
    if ((this.state === 'paused') !== (state === 'paused')) {
      this.pauses.push({ at: at + 10, paused: state === 'paused' });
      // It is told of that as well.
      this.wakes.push(at + 12);
    }
    this.state = state;
  }

  tick(time: number): void {
    this.settle(time);
    if (this.state === 'paused') this.fates.set(time, 'paused');
    else this.pending.push(time);
    if (this.state === 'up') this.wake(time);
  }

  told(now: number): { evidence: Evidence; truth: readonly Fate[] } {
    this.settle(now);
    const expected = [...this.fates.keys()].sort((a, b) => a - b);
    const { runs, wakes, heardEnds: ends, pauses } = this;
    const evidence = {
      expected,
      runs,
      wakes: wakes.toSorted((a, b) => a - b).map((from) => ({ from, to: from + 3 })),
      ends,
      pauses,
      pausedNow: this.state === 'paused',
      now: now + 60_000,
    };
    return { evidence, truth: expected.map((time) => this.fates.get(time) ?? 'unexplained') };
  }

  /** Everything that is due is decided at once, a moment after it is due. */
  private wake(time: number): void {
    const now = time + 5;
    this.wakes.push(now);
    for (const at of this.pending) this.decide(at, now);
    this.pending = [];
  }

  private decide(at: number, now: number): void {
    const { overlap, catchUpSeconds } = this.story;
    if (now - at > catchUpSeconds * 1_000) this.fates.set(at, 'missed: catch-up');
    else if (overlap === 'allow-all' || !this.busy()) this.start(at, now);
    else if (overlap === 'skip' || (overlap === 'buffer-one' && this.waiting.length > 0))
      this.fates.set(at, 'skipped: overlap');
    else {
      this.waiting.push(at);
      this.fates.set(at, 'buffered');
    }
  }

  private busy = (): boolean => this.runs.some(({ closedAt }) => closedAt === null);

  private start(at: number, now: number): void {
    const seconds = this.story.runSeconds[this.runs.length % this.story.runSeconds.length] ?? 1;
    const run = { workflowId: `run-${at}`, nominal: at, startedAt: now + 2, closedAt: null, failed: false };
    this.runs.push(run);
    this.ends.set(run, now + 2 + seconds * 1_000);
    this.fates.set(at, 'ran');
  }

  /** Runs end, and what waited for them starts; not while the server is down. */
  private settle(now: number): void {
    if (this.state === 'down') {
      // A worker's answer comes in when the scheduler has already looked.
      for (const [run, end] of this.ends) if (run.closedAt === null) this.ends.set(run, Math.max(end, now + 1_000));
      return;
    }
    for (;;) {
      const next = this.runs.find((run) => run.closedAt === null && (this.ends.get(run) ?? 0) <= now);
      if (!next) return;
      next.closedAt = this.ends.get(next) ?? now;
      const waiting = this.state === 'paused' ? undefined : this.waiting.shift();
      // It is told of every end.
      this.wakes.push(next.closedAt + 1);
      this.heardEnds.push(next.closedAt + 1);
      if (waiting === undefined) continue;
      this.start(waiting, next.closedAt + 1);
    }
  }
}
