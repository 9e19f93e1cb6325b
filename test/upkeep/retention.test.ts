// Which snapshots may go, for any history: never one that a reader can still ask for.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LoggedCommit, retain, withInputs, withOrigins } from '../../core/retention.ts';
import type { TableName } from '../../core/table.ts';

const TABLES = ['bronze.files', 'silver.a', 'gold.b'] as const;

/** A history of one snapshot a minute; some are commits, some are DuckLake's own. */
const histories = fc.record({
  commits: fc.array(fc.option(fc.uniqueArray(fc.constantFrom(...TABLES), { minLength: 1 }), { nil: undefined }), {
    minLength: 2,
    maxLength: 30,
  }),
  floor: fc.integer({ min: 0, max: 31 }),
  needed: fc.array(fc.integer({ min: 0, max: 29 }), { maxLength: 3 }),
});

const lakeOf = (commits: readonly (readonly string[] | undefined)[]) => {
  const snapshots = commits.map((_, snapshot) => ({ snapshot, at: snapshot }));
  const log = commits.flatMap((tables, snapshot): LoggedCommit[] => {
    if (!tables) return [];
    const ledger = commits.findLastIndex((one, n) => n < snapshot && one?.includes('bronze.files'));
    const keys = Object.fromEntries(tables.map((table) => [table, `${table}@${snapshot}`]));
    return [{ snapshot, tables: keys, inputs: [], ledger: ledger < 0 ? null : ledger }];
  });
  return { snapshots, log };
};

const headAt = (log: readonly LoggedCommit[], table: string, moment: number) =>
  log.findLast(({ tables, snapshot }) => Object.hasOwn(tables, table) && snapshot <= moment);

describe('retention', () => {
  it('keeps what is young, needed, head now, or was head at any moment since the floor, with the ledger it looks back at', () => {
    fc.assert(
      fc.property(histories, ({ commits, floor, needed }) => {
        const { snapshots, log } = lakeOf(commits);
        const { expire } = retain(snapshots, log, {
          floor,
          openSince: floor,
          needed: needed.map((snapshot) => ({ snapshot, why: 'asked' })),
        });
        const gone = new Set(expire);
        for (let moment = Math.max(0, floor - 1); moment < commits.length + 1; moment += 1) {
          for (const table of TABLES) {
            const head = headAt(log, table, moment);
            expect(head && gone.has(head.snapshot)).toBeFalsy();
            expect(head?.ledger !== undefined && head.ledger !== null && gone.has(head.ledger)).toBe(false);
          }
        }
        for (const snapshot of [...needed, commits.length - 1]) expect(gone.has(snapshot)).toBe(false);
        for (const snapshot of gone) expect(snapshot).toBeLessThan(floor);
      }),
      { numRuns: 500, seed: 11 },
    );
  });

  it('accounts for every snapshot: it goes, or there is a reason', () => {
    fc.assert(
      fc.property(histories, ({ commits, floor }) => {
        const { snapshots, log } = lakeOf(commits);
        const { expire, kept } = retain(snapshots, log, { floor, openSince: floor, needed: [] });
        expect(expire.length + Object.values(kept).reduce((a, b) => a + b, 0)).toBe(commits.length);
      }),
    );
  });

  it('lets go what nothing needs', () => {
    const { snapshots, log } = lakeOf([['silver.a'], ['silver.a'], ['silver.a'], ['silver.a']]);
    expect(retain(snapshots, log, { floor: 99, openSince: 99, needed: [] }).expire).toEqual([0, 1, 2]);
    // An open run that began at 2 may have pinned what stood just before.
    expect(retain(snapshots, log, { floor: 2, openSince: 2, needed: [] }).expire).toEqual([0]);
    expect(retain(snapshots, log, { floor: 99, openSince: 2, needed: [] }).expire).toEqual([0]);
  });
});

it('a version keeps the bronze that it came from, through everything between', () => {
  const pin = (table: string, snapshot: number) => ({ table, snapshot, key: `${table}@${snapshot}` });
  const log: LoggedCommit[] = [
    {
      snapshot: 3,
      tables: { 'silver.a': 'silver.a@3' },
      inputs: [pin('bronze.clicks', 2), pin('bronze.files', 2)],
      ledger: 2,
    },
    { snapshot: 5, tables: { 'features.f': 'features.f@5' }, inputs: [pin('silver.a', 3)], ledger: 2 },
  ];
  expect([...withOrigins([pin('features.f', 5)], log)].sort()).toEqual([2, 5]);
});

it('a table that stays keeps what it is built from, and bronze whole', () => {
  const inputs: Record<string, TableName[]> = { 'gold.b': ['silver.a'], 'silver.a': ['bronze.clicks'] };
  const all: TableName[] = ['bronze.clicks', 'bronze.files', 'silver.a', 'silver.z', 'gold.b'];
  const keep = withInputs(['gold.b'], (table) => inputs[table] ?? [], all);
  expect([...keep].sort()).toEqual(['bronze.clicks', 'bronze.files', 'gold.b', 'silver.a']);
  expect([...withInputs(['silver.z'], () => [], all)]).toEqual(['silver.z']);
});
