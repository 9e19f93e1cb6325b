// A fold and its SQL say the same: events of a visit one by one, and all at once.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DuckDb } from '../../adapters/duckdb/session.ts';
import { lastVisit } from '../../models/ecommerce-intelligence/folds/last-visit.ts';

const START = Date.UTC(2024, 0, 1);
let db: DuckDb;
beforeAll(async () => {
  db = await DuckDb.open({ threads: 1, memoryLimit: '256MB', tempDirectory: join(tmpdir(), 'perennial-test-tables') });
  await db.run('create schema silver');
  await db.run('create table silver.events (source varchar, user_id bigint, event_type varchar, event_time timestamp)');
  await db.run(`set variable source = 'clickstream'`);
});
afterAll(() => db.close());

interface Told {
  readonly user: number;
  readonly eventType: string;
  readonly time: number;
}

const folded = (events: readonly Told[], user: number): Record<string, unknown> => {
  const own = events.filter((event) => event.user === user).toSorted((a, b) => a.time - b.time);
  return { ...lastVisit.featuresOf(own.reduce(lastVisit.advance, lastVisit.start)) };
};

const event = fc.record({
  user: fc.integer({ min: 1, max: 3 }),
  eventType: fc.constantFrom('view', 'cart', 'purchase'),
  // Quarters of an hour and a second beside them: pauses of exactly 30 minutes, and ties, are common.
  time: fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 1 }))
    .map(([quarters, second]) => START + quarters * 900_000 + second * 1000),
});

test('folding events in order equals the SQL over all of them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 40 }),
      async (events, end) => {
        const asOf = START + end * 900_000;
        await db.run('delete from silver.events');
        const rows = events.map(
          ({ user, eventType, time }) => `('clickstream', ${user}, '${eventType}', epoch_ms(${time}::bigint))`,
        );
        await db.run(`insert into silver.events values ${rows.join(', ')}`);
        await db.run(`set variable as_of = epoch_ms(${asOf}::bigint)`);
        const told = await db.rows(lastVisit.sql);
        const past = events.filter(({ time }) => time < asOf);
        const users = [...new Set(past.map(({ user }) => user))].sort();
        const found = told.map(({ user_id, ...values }) => [
          Number(user_id),
          Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)])),
        ]);
        expect(found.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(
          users.map((user) => [user, folded(past, user)]),
        );
      },
    ),
    { numRuns: 100, seed: 11 },
  );
});
