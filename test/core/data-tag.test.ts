// What a tag takes, and what has to move to go back to it.
import { describe, expect, it } from 'vitest';
import { type DataTag, type Head, planRollback, requireTagName, tablesToTag } from '../../core/data-tag.ts';
import type { TableName } from '../../core/table.ts';

const head = (table: string, snapshot: number, key = `k${snapshot}`, more: Partial<Head> = {}): Head => ({
  table: table as TableName,
  snapshot,
  key,
  ...more,
});
const tag = (tables: readonly Head[], whole = true): DataTag => ({
  name: 'then',
  description: '',
  metadata: {},
  whole,
  tables: tables.map((pin) => ({ ...pin, rows: 1 })),
  createdBy: 'mara',
  createdAt: '2026-01-01T00:00:00.000Z',
});
const moved = (plan: ReturnType<typeof planRollback>) =>
  plan.moves.map(({ table, to }) => [table, to?.snapshot ?? null]);

describe('a tag', () => {
  it('takes every table, or those asked for with all of bronze', () => {
    const heads = [head('bronze.files', 2), head('bronze.clicks', 1), head('gold.rfm', 3), head('gold.kpis', 4)];
    const names = (asked: readonly string[]) => tablesToTag(heads, asked).map(({ table }) => table);
    expect(names([])).toEqual(['bronze.files', 'bronze.clicks', 'gold.rfm', 'gold.kpis']);
    expect(names(['gold.rfm'])).toEqual(['gold.rfm']);
    expect(names(['bronze.clicks', 'gold.rfm'])).toEqual(['bronze.files', 'bronze.clicks', 'gold.rfm']);
    expect(() => names(['gold.nothing'])).toThrow('Known: bronze.files, bronze.clicks, gold.rfm, gold.kpis');
    expect(() => tablesToTag([], [])).toThrow('the lake is empty');
  });

  it.each(['now', 'Upper', '', '-x', 'a b', `a${'b'.repeat(63)}`, "x'; drop table"])('is not called %j', (name) => {
    expect(() => requireTagName(name)).toThrow();
  });
});

describe('the way back', () => {
  it('leaves alone what has the tagged content', () => {
    const plan = planRollback(tag([head('bronze.files', 2), head('gold.rfm', 3)]), [
      head('bronze.files', 2),
      head('gold.rfm', 9, 'k3'),
    ]);
    expect(plan).toEqual({ moves: [], unchanged: ['bronze.files', 'gold.rfm'], untouched: [] });
  });

  it('trusts no key of bronze: the same chunk may be the newest on other rows', () => {
    const plan = planRollback(tag([head('bronze.files', 2, 'chunk')]), [head('bronze.files', 9, 'chunk')]);
    expect(moved(plan)).toEqual([['bronze.files', 2]]);
  });

  it('knows what an earlier rollback brought back or emptied', () => {
    const plan = planRollback(tag([head('bronze.files', 2)]), [
      head('bronze.files', 9, 'r', { restored: 2 }),
      head('gold.late', 9, 'r', { restored: null }),
    ]);
    expect(plan.moves).toEqual([]);
  });

  it('empties what came later where the whole catalog was tagged, and bronze where its ledger goes back', () => {
    const heads = [head('bronze.files', 5), head('bronze.invoices', 5), head('gold.late', 6)];
    expect(moved(planRollback(tag([head('bronze.files', 2)]), heads))).toEqual([
      ['bronze.files', 2],
      ['bronze.invoices', null],
      ['gold.late', null],
    ]);
    const some = planRollback(tag([head('bronze.files', 2)], false), heads);
    expect(moved(some)).toEqual([
      ['bronze.files', 2],
      ['bronze.invoices', null],
    ]);
    expect(some.untouched).toEqual(['gold.late']);
    expect(moved(planRollback(tag([head('gold.rfm', 2)], false), heads))).toEqual([['gold.rfm', 2]]);
  });

  it('brings back a table that is gone', () => {
    const plan = planRollback(tag([head('gold.rfm', 3)]), []);
    expect(plan.moves).toMatchObject([{ table: 'gold.rfm', to: { snapshot: 3 }, head: undefined }]);
  });
});
