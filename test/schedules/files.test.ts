// The schedules of every environment as their files say them: checked, explicit, and of workflows that exist.
import { describe, expect, it } from 'vitest';
import { environmentNames } from '../../core/access.ts';
import { duration, inWords, parseSchedules, type Schedule } from '../../core/schedule.ts';
import { schedulesOf } from '../../environments/schedules/index.ts';
import { nightlyTransform } from '../../environments/schedules/usual.ts';
import * as workflows from '../../workflows/index.ts';

describe('the files', () => {
  it.each(environmentNames)('of %s start workflows that exist, and catch up for less than their interval', (name) => {
    const schedules = schedulesOf(name);
    expect(schedules.map((schedule) => schedule.name)).toEqual(
      expect.arrayContaining(['nightly-transform', 'weekly-retraining', 'lake-maintenance']),
    );
    for (const { workflow, when, catchUpSeconds } of schedules) {
      expect(Object.keys(workflows)).toContain(workflow);
      // A start that comes later than the next one is no start any more, and two of them a storm.
      expect(catchUpSeconds).toBeLessThanOrEqual('at' in when && when.on === undefined ? 86_400 : 7 * 86_400);
    }
  });

  it('sweep staging alone, and start nothing by themselves in dev', () => {
    const swept = environmentNames.filter((name) => schedulesOf(name).some(({ workflow }) => workflow === 'sweep'));
    expect(swept).toEqual(['staging']);
    expect(schedulesOf('dev').every(({ paused }) => paused)).toBe(true);
  });
});

describe('a wrong file', () => {
  const wrong = (change: Partial<Schedule>) => () => parseSchedules([{ ...nightlyTransform, ...change }]);

  it.each<[string, Partial<Schedule>, RegExp]>([
    ['a time that is none', { when: { at: '24:00' } }, /nightly-transform\.when/],
    ['a zone that is none', { timeZone: 'Europe/Atlantis' }, /nightly-transform\.timeZone is not a time zone/],
    ['a catch-up that Temporal would lengthen', { catchUpSeconds: 5 }, /nightly-transform\.catchUpSeconds/],
    ['jitter as long as the interval', { when: { everySeconds: 60 }, jitterSeconds: 60 }, /jitterSeconds must be less/],
    ['a policy that cannot be audited', { overlap: 'cancel-other' as never }, /nightly-transform\.overlap/],
  ])('%s is refused by name', (_, change, problem) => {
    expect(wrong(change)).toThrow(problem);
  });

  it('that leaves something to Temporal’s defaults is refused, and so are two of one name', () => {
    const { catchUpSeconds: _, ...silent } = nightlyTransform;
    expect(() => parseSchedules([silent as Schedule])).toThrow(/nightly-transform\.catchUpSeconds/);
    expect(() => parseSchedules([nightlyTransform, nightlyTransform])).toThrow(/Two schedules have one name/);
  });
});

it('says itself in words', () => {
  expect(inWords(nightlyTransform)).toBe('02:15 daily, UTC + up to 15 min');
  expect(inWords({ when: { everySeconds: 7_200 }, timeZone: 'UTC', jitterSeconds: 0 })).toBe('every 2 h');
  expect([duration(90), duration(86_400), duration(0)]).toEqual(['90 s', '1 d', '0 s']);
});
