// Bronze → silver → gold → features: every table of the plan in order, each pinned to the inputs it was computed from.
import type { Pin } from '../core/commit.ts';
import type { BuiltTable, Moments, PlanBrief } from '../core/plan.ts';
import type { TransformSummary } from '../core/run.ts';
import { compute, type Patience } from './proxies.ts';
import { partsOf } from './stage-board.ts';

export interface TransformInput extends Patience {
  readonly brief: PlanBrief;
  readonly moments: Moments;
  /** Bronze as it stands. */
  readonly pins: readonly Pin[];
}

export interface Transformed {
  readonly pins: readonly Pin[];
  readonly summary: TransformSummary;
}

/** Builds what changed and finds the rest by its key. */
export async function transform({ brief, moments, pins, ...patience }: TransformInput): Promise<Transformed> {
  const built: BuiltTable[] = [];
  const all = [...pins];
  const steps = compute(patience);
  const part = partsOf(brief.tables.length);
  for (const { name, inputs } of brief.tables) {
    part(built.length, name);
    const needed = all.filter(({ table }) => inputs.includes(table) || ROOTS.includes(table));
    const request = { plan: brief.plan, table: name, moments, pins: needed };
    const table = await steps.buildTable.executeWithOptions({ summary: name }, [request]);
    built.push(table);
    all.push({ table: table.table, snapshot: table.snapshot, key: table.key });
  }
  const fresh = built.filter(({ reused }) => !reused);
  return {
    pins: all,
    summary: {
      built: fresh.length,
      reused: built.length - fresh.length,
      because: fresh.slice(0, 12).map(({ table, why }) => `${table}: ${why}`),
    },
  };
}

/** Incremental builds ask the ledger which days were touched, and the facts who acted on them. */
const ROOTS: readonly string[] = ['bronze.files', 'silver.events'];
