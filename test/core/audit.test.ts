// The chain of the audit, followed without a database: what holds, and what each way to falsify it is called.
import { describe, expect, it } from 'vitest';
import { type AuditRow, verifyAudit } from '../../core/audit.ts';
import { readChain } from '../../core/audit-read.ts';
import { sha256 } from '../../core/commit.ts';

const entry = (seq: number, who = 'ann'): string =>
  JSON.stringify({ seq, at: '2026-01-01T00:00:00.000000Z', account: 'service', who, what: 'aliases update', row: {} });

/** A chain of these entries, each with its hash. */
const chainOf = (entries: readonly string[]): AuditRow[] => {
  const rows: AuditRow[] = [];
  for (const [i, text] of entries.entries()) {
    const previous = rows.at(-1)?.hash ?? '0'.repeat(64);
    rows.push({ seq: i + 1, entry: text, previous, hash: sha256(previous + text) });
  }
  return rows;
};
const good = () => chainOf([1, 2, 3, 4, 5].map((seq) => entry(seq)));
const headOf = (rows: readonly AuditRow[]) => ({ seq: rows.length, hash: rows.at(-1)?.hash ?? '' });

async function* read(rows: readonly AuditRow[]): AsyncGenerator<AuditRow> {
  yield* rows;
}
const faults = async (rows: readonly AuditRow[], anchor = headOf(good())) =>
  (await verifyAudit(read(rows), anchor)).faults.map(({ seq, why }) => `${seq}: ${why}`);

describe('a chain', () => {
  it('holds, empty, whole, and from its anchor on', async () => {
    expect((await verifyAudit(read([]), undefined)).faults).toEqual([]);
    expect(await verifyAudit(read(good()), headOf(good()))).toEqual({ rows: 5, head: headOf(good()), faults: [] });
    const anchor = headOf(good().slice(0, 3));
    expect(await verifyAudit(read(good().slice(2)), anchor, true)).toMatchObject({ rows: 3, faults: [] });
  });

  it('tells what was changed, moved, taken out, put in or cut', async () => {
    const rows = good();
    const [first, second, third, fourth, fifth] = rows as [AuditRow, AuditRow, AuditRow, AuditRow, AuditRow];
    expect(await faults([first, { ...second, entry: entry(2, 'bob') }, third, fourth, fifth])).toEqual([
      '2: its text was changed',
    ]);
    expect(await faults([first, third, fourth, fifth])).toEqual(['3: a row is missing before it']);
    expect(await faults([first, fifth])).toEqual(['5: 3 rows are missing before it']);
    expect(await faults([first, second, second, third, fourth, fifth])).toEqual(['2: it stands twice']);
    expect(await faults([first, { ...third, seq: 2 }, { ...second, seq: 3 }, fourth, fifth])).toEqual([
      '2: it does not follow the row before it',
      '2: it was moved from another place',
      '3: it does not follow the row before it',
      '3: it was moved from another place',
      '4: it does not follow the row before it',
    ]);
    expect(await faults([first, second, third])).toEqual(['3: the tail was cut: the anchor knows row 5']);
    expect(await faults([])).toEqual(['0: the tail was cut: the anchor knows row 5']);
    const anew = chainOf([1, 2, 3, 4, 5].map((seq) => entry(seq, 'bob')));
    expect(await faults(anew)).toEqual(['5: it is not the row that the anchor knows: the chain was written anew']);
  });

  it('whose front expired holds from there on, and only from there', async () => {
    const reads = chainOf(
      [1, 2, 3, 4, 5].map((seq) => `{"at": "2026-01-01T00:00:00.000000Z", "seq": ${seq}, "reads": []}`),
    );
    const [left, begin] = [reads.slice(2), headOf(reads.slice(0, 2))];
    const why = async (rows: readonly AuditRow[], from: typeof begin, anchor = headOf(reads)) =>
      (await verifyAudit(read(rows), anchor, false, readChain(from))).faults.map(({ seq, why }) => `${seq}: ${why}`);
    expect(await why(left, begin)).toEqual([]);
    expect(await why([], headOf(reads))).toEqual([]);
    expect(await why(left.slice(1), begin)).toEqual(['4: a row is missing before it']);
    expect(await why(left, { ...begin, hash: 'f'.repeat(64) })).toEqual(['3: it does not follow the row before it']);
    expect(await why(left.slice(0, 2), begin)).toEqual(['4: the tail was cut: the anchor knows row 5']);
    expect(await why(left, begin, { ...begin, hash: 'f'.repeat(64) })).toEqual([
      '2: it is not the row that the anchor knows: the chain was written anew',
    ]);
    // What the anchor knew has expired since.
    expect(await why(left, begin, headOf(reads.slice(0, 1)))).toEqual([]);
  });

  it('that is followed from its anchor tells where the anchor’s row is gone', async () => {
    const anchor = headOf(good().slice(0, 3));
    const from = async (rows: readonly AuditRow[]) => (await verifyAudit(read(rows), anchor, true)).faults.length;
    expect(await from(good().slice(3))).toBeGreaterThan(0);
    expect(await from([])).toBeGreaterThan(0);
  });
});
