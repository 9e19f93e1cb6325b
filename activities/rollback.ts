// Brings a catalog back to a tag: every table that has moved gets the tag's content again, in one new commit. Nothing is rewritten: what
// lies between stays readable at its snapshots, but counts as never done, so that files ingested since can come in again.
import { PostgresDataTags } from '../adapters/postgres/data-tags.ts';
import { PostgresOnlineStore } from '../adapters/postgres/online-store.ts';
import { type Commit, contentKey, type Restored, type Write } from '../core/commit.ts';
import { type DataTag, planRollback, type RollbackPlan, type WayBack } from '../core/data-tag.ts';
import { PerennialError } from '../core/errors.ts';
import { qualified } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import { parseDeed, type TagDeed } from './data-tags.ts';
import type { Deps } from './deps.ts';
import { type Frame, framed } from './heartbeat.ts';
import { type OpenLake, withLake } from './lake-session.ts';
import { FACTS } from './touched.ts';

export interface RolledBack {
  readonly tag: string;
  /** Of the commit that did it; null where there was nothing to do. */
  readonly snapshot: number | null;
  readonly tables: readonly { readonly table: TableName; readonly rows: number; readonly from: number | null }[];
  readonly unchanged: readonly TableName[];
  /** Tables the tag does not speak of. */
  readonly untouched: readonly TableName[];
}

export const createRollbackActivities = (deps: Deps) => ({
  rollbackData: (request: TagDeed): Promise<RolledBack> =>
    framed(deps.crash, async (frame) => {
      const { tag: name, by, why } = parseDeed(request);
      const tags = new PostgresDataTags(deps.pool);
      const tag = await tags.get(name);
      const done = await withLake(deps, frame.signal, (lake) => rollBack(lake, tag, { by, why }, frame));
      // What was materialised from the restored features may have been overwritten online since.
      await new PostgresOnlineStore(deps.pool).reopen(done.tables.map(({ table }) => table));
      await tags.note(name, 'rolled back', { by, why, runId: frame.lineage.run });
      return done;
    }),
});

/** The lake's part of a rollback; found by the run that asks for it, it is not done again. */
export const rollBack = async (
  lake: OpenLake,
  tag: DataTag,
  about: { readonly by: string; readonly why: string },
  { lineage, onProgress, signal }: Frame,
): Promise<RolledBack> => {
  const key = contentKey({ stage: 'rollback', tag: tag.name, run: lineage.run });
  const plan = planRollback(tag, await lake.commits.heads());
  const done = await lake.find(key);
  if (done) return resultOf(tag, plan, done);
  if (plan.moves.length === 0) return resultOf(tag, plan, undefined);
  const writes: Write[] = [];
  for (const [done, way] of plan.moves.entries()) {
    signal.throwIfAborted();
    onProgress({ stage: `restore ${way.table}`, done, total: plan.moves.length, unit: 'tables' });
    writes.push(await restore(lake, tag, way));
  }
  const commit = await lake.commit({
    key,
    once: 'ever',
    message: `rolled back to ${tag.name}: ${writes.length} tables`,
    writes,
    extra: { lineage, rollback: { tag: tag.name, ...about }, why: `rolled back to ${tag.name}` },
  });
  return resultOf(tag, plan, commit);
};

const resultOf = (tag: DataTag, { unchanged, untouched }: RollbackPlan, commit: Commit | undefined): RolledBack => {
  const written = (commit?.extra.tables ?? {}) as Readonly<Record<string, { rows: number; restored: number | null }>>;
  const tables = Object.entries(written).map(([table, { rows, restored }]) => ({
    table: table as TableName,
    rows,
    from: restored,
  }));
  return { tag: tag.name, snapshot: commit?.snapshot ?? null, tables, unchanged, untouched };
};

/** The table's tagged rows as a staged file, to stand in the place of its present ones. */
const restore = async (lake: OpenLake, tag: DataTag, { table, to, head }: WayBack): Promise<Write> => {
  const at = to === null ? 'limit 0' : `at (version => ${to.snapshot})`;
  const staged = await lake.stage(table, `from lake.${qualified(table)} ${at}`);
  return {
    table,
    files: [staged.file],
    replace: 'all',
    expectParent: head?.key ?? null,
    restores: { snapshot: to?.snapshot ?? null, ...(await lineageOf(lake, tag, table, to?.snapshot)) },
  };
};

/** A built table gets its key back, so that a run finds it; bronze has none of its own, the ledger says what is in it. */
const lineageOf = async (
  lake: OpenLake,
  tag: DataTag,
  table: TableName,
  snapshot: number | undefined,
): Promise<Pick<Restored, 'as'>> => {
  if (snapshot === undefined || table.startsWith('bronze.')) return {};
  const was = await lake.commits.at(table, snapshot);
  if (!was) {
    throw new PerennialError('UNKNOWN_NAME', `The snapshot of ${table} that the tag names is gone`, {
      field: 'snapshot',
      value: snapshot,
      mend: 'The lake was maintained past it; tag what is left',
    });
  }
  const { key: _key, tables: _tables, rollback: _rollback, ledger, ...extra } = was.extra;
  return {
    as: { key: was.key, extra: { ...extra, ...(builtOnTagged(tag, snapshot) ? { ledger } : { ledger: null }) } },
  };
};

/**
 * Whether the facts stood as they are tagged when the table was built. Incremental builds look back at the facts beside the table's head;
 * if the tag was taken in the midst of a run, those were others, and the next build must be a full one.
 */
const builtOnTagged = (tag: DataTag, snapshot: number): boolean =>
  (tag.tables.find(({ table }) => table === FACTS)?.snapshot ?? 0) <= snapshot;
