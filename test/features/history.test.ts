// Point-in-time joins: golden rows for each rule, and a brute-force reference over random histories and questions.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { historySql, pointInTimeSql, type Told } from '../../core/feature-history.ts';

const VIEW = { name: 'v', entity: 'user_id', knownAt: 'known_at' };
const FEATURES = [
  { name: 'spend', kind: 'numeric' as const },
  { name: 'brand', kind: 'categorical' as const },
];
const day = (n: number): string => `2024-01-${String(n).padStart(2, '0')}`;

interface Fact {
  readonly user: number;
  readonly at: number;
  readonly known: number;
  readonly spend: number | null;
}
interface Question {
  readonly user: number;
  readonly moment: number;
}

let db: DuckDb;
beforeAll(async () => {
  db = await DuckDb.open({ threads: 2, memoryLimit: '256MB', tempDirectory: join(tmpdir(), 'perennial-test-tables') });
});
beforeEach(async () =>
  db.run('create or replace table asked (asked__position integer, asked__entity varchar, asked__moment timestamp)'),
);
afterAll(() => db.close());

const values = (rows: readonly (readonly unknown[])[]): string =>
  rows.map((row) => `(${row.map((cell) => (cell === null ? 'null' : `'${cell}'`)).join(', ')})`).join(', ');

/** Contents of the table, the oldest first. */
const tell = async (contents: readonly (readonly Fact[])[], knownBy?: readonly number[]): Promise<Told[]> => {
  const told: Told[] = [];
  for (const [i, facts] of contents.entries()) {
    await db.run(
      `create or replace table told_${i} (user_id bigint, as_of timestamp, spend decimal(18, 2), brand varchar, known_at timestamp)`,
    );
    const rows = facts.map(({ user, at, known, spend }) => [user, day(at), spend, `brand ${spend}`, day(known)]);
    if (rows.length > 0) await db.run(`insert into told_${i} values ${values(rows)}`);
    const known = knownBy?.[i];
    told.push({ relation: `told_${i}`, knownBy: known === undefined ? null : day(known) });
  }
  return told;
};

const ask = async (
  told: readonly Told[],
  questions: readonly Question[],
  ttlDays?: number,
): Promise<(number | null)[]> => {
  await db.run('delete from asked');
  await db.run(`insert into asked values ${values(questions.map(({ user, moment }, i) => [i, user, day(moment)]))}`);
  await db.run(`create or replace table history as ${historySql({ view: VIEW, features: FEATURES, told })}`);
  const view = { name: 'v', ...(ttlDays === undefined ? {} : { ttlDays }) };
  const rows = await db.rows(
    pointInTimeSql(
      'asked',
      ['asked__entity'],
      [{ view, columns: { spend: 'spend', brand: 'brand' }, history: 'history' }],
    ),
  );
  expect(rows.map(({ asked__entity: entity }) => entity)).toEqual(questions.map(({ user }) => String(user)));
  return rows.map(({ spend }) => (spend === null ? null : Number(spend)));
};

const fact = (at: number, known: number, spend: number, user = 1): Fact => ({ user, at, known, spend });
const at = (...moments: number[]): Question[] => moments.map((moment) => ({ user: 1, moment }));

describe('golden rows', () => {
  test('the newest moment at or before the asked one, in the order of asking', async () => {
    const told = await tell([[fact(3, 3, 30), fact(7, 7, 70)]]);
    expect(await ask(told, at(8, 2, 7, 6, 3, 8))).toEqual([70, null, 70, 30, 30, 70]);
  });

  test('nothing before it was known: a late row waits, and the one before it answers meanwhile', async () => {
    const told = await tell([[fact(3, 3, 30), fact(7, 12, 70)]]);
    expect(await ask(told, at(7, 11, 12))).toEqual([30, 30, 70]);
  });

  test('a row about an earlier moment that becomes known later does not replace a newer one', async () => {
    const told = await tell([[fact(7, 7, 70), fact(3, 12, 30)]]);
    expect(await ask(told, at(6, 8, 12))).toEqual([null, 70, 70]);
  });

  test('TTL counts back from the asked moment, and an expired row lets no older one speak', async () => {
    const told = await tell([[fact(3, 3, 30), fact(7, 7, 70)]]);
    expect(await ask(told, at(10, 11, 6), 3)).toEqual([70, null, 30]);
  });

  test('a correction counts from when it was known; what was told before stays what it was', async () => {
    const told = await tell([[fact(3, 3, 30)], [fact(3, 9, 33)]], [5, 9]);
    expect(await ask(told, at(8, 9))).toEqual([30, 33]);
  });

  test('a fact taken back, which leaves no newer fact, counts from when the lake knew of it', async () => {
    const told = await tell([[fact(3, 4, 30)], [fact(3, 3, 20)]], [5, 9]);
    expect(await ask(told, at(3, 4, 8, 9))).toEqual([null, 30, 30, 20]);
  });

  test('a row that vanishes later still says what was known', async () => {
    expect(await ask(await tell([[fact(3, 3, 30)], []], [5, 9]), at(10))).toEqual([30]);
  });

  test('a missing value is a value; an unknown entity has none', async () => {
    const told = await tell([[fact(3, 3, 30), { user: 1, at: 5, known: 5, spend: null }]]);
    expect(await ask(told, [...at(4, 5), { user: 9, moment: 5 }])).toEqual([30, null, null]);
  });
});

/** As the rules say, row by row. Within one content a moment of an entity stands once. */
const reference = (facts: readonly Fact[], { user, moment }: Question, ttlDays: number): number | null => {
  const seen = facts.filter((one) => one.user === user && one.at <= moment && one.known <= moment);
  const [best] = seen.toSorted((a, b) => b.at - a.at || b.known - a.known);
  return best !== undefined && best.at >= moment - ttlDays ? best.spend : null;
};

const small = (max: number) => fc.integer({ min: 1, max });
const someFacts = fc.uniqueArray(
  fc.record({ user: small(3), at: small(20), known: small(25), spend: fc.option(fc.integer({ min: 0, max: 99 })) }),
  { maxLength: 25, selector: ({ user, at: moment }) => `${user} ${moment}` },
);
const questions = fc.array(fc.record({ user: small(4), moment: small(28) }), { minLength: 1, maxLength: 12 });

test('equals a brute-force reference on random histories', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(someFacts, questions, small(30), async (facts, asked, ttlDays) => {
      const found = await ask(await tell([facts]), asked, ttlDays);
      expect(found).toEqual(asked.map((question) => reference(facts, question, ttlDays)));
    }),
    { numRuns: 150, seed: 5 },
  );
});

test('whatever is told later, answers for moments before it was known stay', { timeout: 60_000 }, async () => {
  const LATE = 15;
  const early = someFacts.map((facts) => facts.map((one) => ({ ...one, known: Math.min(one.known, LATE - 1) })));
  const change = fc.record({
    index: fc.nat(24),
    spend: fc.integer({ min: 100, max: 199 }),
    known: fc.integer({ min: LATE, max: 25 }),
    gone: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(early, fc.array(change, { maxLength: 8 }), questions, async (facts, changes, asked) => {
      const later = facts.flatMap((one, i) => {
        const [made] = changes.filter(({ index }) => index === i);
        if (made === undefined) return [one];
        return made.gone ? [] : [{ ...one, spend: made.spend, known: made.known }];
      });
      const past = asked.map((question) => ({ ...question, moment: Math.min(question.moment, LATE - 1) }));
      const before = await ask(await tell([facts], [LATE - 1]), past);
      expect(await ask(await tell([facts, later], [LATE - 1, 25]), past)).toEqual(before);
    }),
    { numRuns: 100, seed: 6 },
  );
});
