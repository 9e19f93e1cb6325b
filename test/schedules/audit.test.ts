// The audit finds out, from what was started and when the scheduler worked, what became of every time: as a scheduler knows that decided it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Evidence, judgeTimes, type ScheduledRun } from '../../core/schedule-audit.ts';
import { play, type Story } from './scheduler.ts';

const judge = (story: Story, evidence: Evidence) =>
  judgeTimes({ overlap: story.overlap, catchUpSeconds: story.catchUpSeconds, jitterSeconds: 0 }, evidence);
const fatesOf = (story: Story, evidence: Evidence) => judge(story, evidence).map(({ fate }) => fate);

const anyStory: fc.Arbitrary<Story> = fc.record({
  overlap: fc.constantFrom('skip', 'buffer-one', 'buffer-all', 'allow-all'),
  everySeconds: fc.constant(60),
  // Never a whole number of intervals, so that no time is just on the edge.
  catchUpSeconds: fc.integer({ min: 0, max: 12 }).map((intervals) => intervals * 60 + 31 + 10),
  stretches: fc.array(
    fc.record({ state: fc.constantFrom('up', 'down', 'paused'), intervals: fc.integer({ min: 1, max: 10 }) }),
    { minLength: 1, maxLength: 6 },
  ),
  runSeconds: fc.array(
    fc.integer({ min: 0, max: 5 }).map((n) => n * 60 + 25),
    { minLength: 1, maxLength: 5 },
  ),
});

/** What becomes of a buffer during a pause is the server's own affair; the two are told apart from each other here. */
const stories = anyStory.map((story): Story => {
  if (!story.overlap.startsWith('buffer')) return story;
  const awake = story.stretches.map((one) => (one.state === 'paused' ? { ...one, state: 'up' as const } : one));
  return { ...story, stretches: awake };
});

describe('the audit', () => {
  it('agrees with a scheduler about every time, through outages, pauses and overlaps', () => {
    fc.assert(
      fc.property(stories, (story) => {
        const { evidence, truth } = play(story);
        expect(fatesOf(story, evidence)).toEqual(truth);
      }),
      { numRuns: 1_000, seed: 7 },
    );
  });

  it('notices a run that is missing without a reason', () => {
    const story: Story = {
      overlap: 'skip',
      everySeconds: 60,
      catchUpSeconds: 600,
      stretches: [{ state: 'up', intervals: 20 }],
      runSeconds: [5],
    };
    const { evidence, truth } = play(story);
    expect(new Set(truth)).toEqual(new Set(['ran']));
    const without = { ...evidence, runs: evidence.runs.filter((_: ScheduledRun, n) => n !== 9) };
    expect(judge(story, without).filter(({ fate }) => fate !== 'ran')).toMatchObject([{ fate: 'unexplained' }]);
  });

  it('takes a pause that nobody ordered for the work of a run that failed', () => {
    const minute = 60_000;
    const failed = { workflowId: 'a', nominal: minute, startedAt: minute, closedAt: minute + 10, failed: true };
    const evidence = {
      expected: [1, 2, 3].map((n) => n * minute),
      runs: [failed],
      wakes: [{ from: minute, to: minute + 5 }],
      ends: [],
      pauses: [],
      pausedNow: true,
      now: 4 * minute,
    };
    const schedule = { overlap: 'skip', catchUpSeconds: 600, jitterSeconds: 0 } as const;
    expect(judgeTimes(schedule, evidence).map(({ fate }) => fate)).toEqual(['ran', 'paused', 'paused']);
  });

  it('without the scheduler’s own log goes by what was started', () => {
    const story: Story = {
      overlap: 'skip',
      everySeconds: 60,
      catchUpSeconds: 101,
      stretches: [
        { state: 'up', intervals: 5 },
        { state: 'down', intervals: 10 },
        { state: 'up', intervals: 5 },
      ],
      runSeconds: [5],
    };
    const { evidence, truth } = play(story);
    expect(truth).toContain('missed: catch-up');
    expect(fatesOf(story, { ...evidence, wakes: undefined, ends: undefined })).toEqual(truth);
  });
});
