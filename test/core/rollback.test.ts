// Which commits still stand after any history of rollbacks: held against a model that simply keeps the set of them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Rollback, stands } from '../../core/rollback.ts';

/** Each snapshot either adds itself to the table or brings back an earlier snapshot's content; null: empties it. */
const history = fc.array(fc.option(fc.nat({ max: 30 }), { nil: undefined, freq: 2 }), { minLength: 1, maxLength: 30 });

const contentsOf = (steps: readonly (number | undefined)[]) => {
  const contents: ReadonlySet<number>[] = [];
  const rollbacks: Rollback[] = [];
  for (const [snapshot, step] of steps.entries()) {
    const to = step === undefined ? undefined : step % (snapshot + 1);
    // A rollback to itself is taken for an emptying.
    const restored = to === snapshot ? null : to;
    if (restored === undefined) contents.push(new Set([...(contents.at(-1) ?? []), snapshot]));
    else {
      contents.push(new Set([...(restored === null ? [] : (contents[restored] ?? [])), snapshot]));
      rollbacks.push({ snapshot, to: { 'bronze.files': restored } });
    }
  }
  return { contents, rollbacks };
};

describe('a commit stands', () => {
  it('exactly if the table’s present came by way of it', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const { contents, rollbacks } = contentsOf(steps);
        const present = contents.at(-1) ?? new Set();
        for (const snapshot of steps.keys()) {
          expect([snapshot, stands('bronze.files', snapshot, rollbacks)]).toEqual([snapshot, present.has(snapshot)]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('whatever happened to other tables', () => {
    expect(stands('gold.rfm', 3, [{ snapshot: 5, to: { 'bronze.files': 1 } }])).toBe(true);
    expect(stands('bronze.files', 3, [{ snapshot: 5, to: { 'bronze.files': 1 } }])).toBe(false);
  });
});
