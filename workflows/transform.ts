// Bronze → silver → gold → features: every table of the plan as soon as its inputs stand, each pinned to those it was computed from.
import type { Pin } from '../core/commit.ts';
import type { BuiltTable, Moments, PlanBrief } from '../core/plan.ts';
import type { TransformSummary } from '../core/run.ts';
import type { TableName } from '../core/table.ts';
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
  const steps = compute(patience);
  const board = boardOf(brief);
  const ready = new Map<string, Promise<BuiltTable>>();
  const build = async (name: TableName, needed: readonly string[], before: readonly Promise<BuiltTable>[]) => {
    const known = [...pins.filter(({ table }) => needed.includes(table)), ...(await Promise.all(before)).map(pinOf)];
    const request = { plan: brief.plan, table: name, moments, pins: known };
    const table = await steps.buildTable.executeWithOptions({ summary: name }, [request]);
    board.built(name);
    return table;
  };
  for (const { name, inputs } of brief.tables) {
    const needed = [...new Set([...inputs, ...ROOTS])];
    const before = needed.flatMap((input) => ready.get(input) ?? []);
    ready.set(name, build(name, needed, before));
  }
  const built = await allDone([...ready.values()]);
  const fresh = built.filter(({ reused }) => !reused);
  return {
    pins: [...pins, ...built.map(pinOf)],
    summary: {
      built: fresh.length,
      reused: built.length - fresh.length,
      because: fresh.slice(0, 12).map(({ table, why }) => `${table}: ${why}`),
    },
  };
}

const pinOf = ({ table, snapshot, key }: BuiltTable): Pin => ({ table, snapshot, key });

/** What does not hang on a table that failed is built all the same; then the first failure is the transform's. */
const allDone = async <T>(all: readonly Promise<T>[]): Promise<T[]> => {
  await Promise.allSettled(all);
  return Promise.all(all);
};

/** Tells the page and the terminal which tables are done, and the first of those that are not. */
const boardOf = ({ tables }: PlanBrief) => {
  const part = partsOf(tables.length);
  const left = new Set<string>(tables.map(({ name }) => name));
  const show = () => part(tables.length - left.size, [...left][0] ?? '');
  show();
  return {
    built: (name: string) => {
      left.delete(name);
      show();
    },
  };
};

/** Incremental builds ask the ledger which days were touched, and the facts who acted on them. */
const ROOTS: readonly string[] = ['bronze.files', 'silver.events'];
