// Which state may follow which, who was champion before, who may decide, and when people are reminded.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decisionProblem, type OpenQuestion, standingOf } from '../../../core/promotion/decisions.ts';
import type { Decision } from '../../../core/promotion/messages.ts';
import { defaultPatience, dueReminder, expiry, nextMoment } from '../../../core/promotion/reminders.ts';
import {
  type ChampionMove,
  championState,
  isOver,
  mayFollow,
  previousChampion,
  promotionStates,
  versionMayBecome,
  versionStates,
} from '../../../core/promotion/states.ts';

describe('the states of a promotion', () => {
  const reach = (from: (typeof promotionStates)[number], seen = new Set<string>()): Set<string> => {
    for (const to of promotionStates.filter((state) => mayFollow(from, state) && !seen.has(state))) {
      seen.add(to);
      reach(to, seen);
    }
    return seen;
  };

  it('all come from a request, and end in one of five ways', () => {
    expect(reach('requested')).toEqual(new Set(promotionStates.filter((state) => state !== 'requested')));
    expect(promotionStates.filter(isOver)).toEqual(['refused', 'rejected', 'expired', 'promoted', 'superseded']);
  });

  it('never move the alias without gates, approval, bytes and an entry', () => {
    const leadingTo = (state: string) => promotionStates.filter((from) => mayFollow(from, state as typeof from));
    // At once only where the very package is champion already.
    expect(leadingTo('promoted')).toEqual(['requested', 'registered']);
    expect(leadingTo('registered')).toEqual(['copied']);
    expect(leadingTo('copied')).toEqual(['approved']);
    expect(leadingTo('approved')).toEqual(['gated', 'waiting']);
  });

  it('ask again when the evidence went stale, but not before the gates looked', () => {
    expect(mayFollow('approved', 'stale')).toBe(true);
    expect(promotionStates.filter((to) => mayFollow('stale', to))).toEqual(['gated', 'refused', 'superseded']);
  });
});

describe('the states of a version', () => {
  it('lead from pending to production and into the archive, and back from there by a rollback', () => {
    const way = ['pending', 'approved', 'production', 'archived', 'production'] as const;
    for (const [i, to] of way.slice(1).entries()) expect(versionMayBecome(way[i] ?? 'pending', to)).toBe(true);
    expect(versionStates.filter((to) => versionMayBecome('rejected', to))).toEqual([]);
    expect(versionMayBecome('pending', 'production')).toBe(false);
  });

  it('are named by the environment', () => {
    expect(['dev', 'staging', 'prod'].map(championState)).toEqual([undefined, 'staging', 'production']);
  });
});

describe('who was champion before', () => {
  const moves = (...steps: (number | string)[]): ChampionMove[] =>
    steps.map((step, i) =>
      typeof step === 'number'
        ? { operation: `promote:${i}`, before: null, after: String(step) }
        : { operation: `rollback:${i}`, before: null, after: step },
    );

  it.each([
    ['nobody', moves(), undefined],
    ['nobody before the first', moves(1), undefined],
    ['the one before', moves(1, 2, 3), 2],
    ['two steps back, not there and back again', moves(1, 2, 3, '2'), 1],
    ['none before the first, reached by rollbacks', moves(1, 2, 3, '2', '1'), undefined],
    ['the one that a promotion after a rollback replaced', moves(1, 2, '1', 3), 1],
    ['back over several at once', moves(1, 2, 3, 4, '2'), 1],
    ['the same version promoted again', moves(1, 2, 1), 2],
  ])('%s', (_, given, expected) => expect(previousChampion(given)).toBe(expected));

  it('is never the present one, whatever happened', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 30 }), (steps) => {
        const distinct = steps.filter((step, i) => step !== steps[i - 1]);
        expect(previousChampion(moves(...distinct))).not.toBe(distinct.at(-1) ?? -1);
      }),
    );
  });
});

describe('a decision', () => {
  const evidence = 'ab'.repeat(32);
  const open: OpenQuestion = { requestedBy: 'bob', evidence, state: 'waiting', decided: false };

  it.each([
    ['by somebody else', { by: 'alice' }, undefined],
    ['that names the evidence', { by: 'alice', evidence: evidence.slice(0, 8) }, undefined],
    ['by whoever asked', { by: ' Bob ' }, /somebody else/],
    ['by nobody', { why: 'x' }, /by, the name/],
    ['with a field nobody knows', { by: 'alice', force: true }, /no field force/],
    ['on other evidence', { by: 'alice', evidence: 'cd'.repeat(32) }, /look again/],
    ['on half a hash', { by: 'alice', evidence: 'ab' }, /hash/],
    ['that is no object', 'alice', /an object/],
  ])('%s', (_, given, expected) => {
    const problem = decisionProblem(given, 'approved', open);
    expected === undefined ? expect(problem).toBeUndefined() : expect(problem).toMatch(expected);
  });

  it('to reject says why', () => {
    expect(decisionProblem({ by: 'alice' }, 'rejected', open)).toMatch(/why/);
    expect(decisionProblem({ by: 'alice', why: 'slow' }, 'rejected', open)).toBeUndefined();
  });

  it('is refused while nothing is asked, and harmless once it was decided', () => {
    const closed = { ...open, evidence: null, state: 'not waiting' };
    expect(decisionProblem({ by: 'alice' }, 'approved', closed)).toMatch(/not waiting/);
    expect(decisionProblem({ by: 'alice' }, 'approved', { ...closed, decided: true })).toBeUndefined();
  });

  it('counts for its own evidence alone; one no is enough', () => {
    const said = (by: string, verdict: Decision['verdict'], on = evidence): Decision => ({
      by,
      verdict,
      why: '',
      at: '2020-01-01T00:00:00Z',
      evidence: on,
    });
    expect(standingOf([said('alice', 'approved', 'cd')], evidence, 1)).toBe('open');
    expect(standingOf([said('alice', 'approved')], evidence, 1)).toBe('approved');
    expect(standingOf([said('alice', 'approved')], evidence, 2)).toBe('open');
    expect(standingOf([said('alice', 'approved'), said('eve', 'rejected')], evidence, 1)).toBe('rejected');
  });
});

describe('reminders', () => {
  const DAY = 86_400_000;
  const at = (days: number, delivered = 0) => dueReminder(defaultPatience, 0, days * DAY, delivered);

  it('come daily, go up after three days, and end after fourteen', () => {
    expect([0.9, 1, 2, 3, 13.5].map((days) => at(days)?.number)).toEqual([undefined, 1, 2, 3, 13]);
    expect([2.9, 3].map((days) => at(days)?.escalated)).toEqual([false, true]);
    expect(expiry(defaultPatience, 0)).toBe(14 * DAY);
  });

  it('that came due in an outage are delivered once, not once each', () => {
    expect(at(10.2, 2)).toEqual({ number: 10, escalated: true, missed: 7 });
    expect(at(10.2, 10)).toBeUndefined();
  });

  it('are waited for one by one, up to the end', () => {
    expect(nextMoment(defaultPatience, 0, 0)).toBe(DAY);
    expect(nextMoment(defaultPatience, 0, 10)).toBe(11 * DAY);
    expect(nextMoment(defaultPatience, 0, 13)).toBe(14 * DAY);
  });
});
