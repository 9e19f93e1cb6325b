// Sweeping an environment whose data is temporary: tables that were last written long ago and that nobody needs are emptied, in one commit
// that takes back what wrote them, so that their files may be ingested again. History goes by the expiry that follows.
import { rm } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import { trainedVersions } from '../adapters/postgres/upkeep.ts';
import { oldestOpenRun } from '../adapters/temporal/open-runs.ts';
import { contentKey, type Write } from '../core/commit.ts';
import type { Swept, UpkeepPlan } from '../core/maintenance.ts';
import { withInputs } from '../core/retention.ts';
import { qualified } from '../core/sql.ts';
import type { TableName } from '../core/table.ts';
import type { Deps } from './deps.ts';
import { type Frame, framed } from './heartbeat.ts';
import { type OpenLake, withLake } from './lake-session.ts';

export const createSweepActivities = (deps: Deps) => ({
  sweepTables: (plan: UpkeepPlan): Promise<Swept> =>
    framed(deps.crash, (frame) =>
      withLake(deps, frame.signal, async (lake) => {
        const held = await oldestOpenRun(Context.current().client, ['maintain', 'sweep']);
        const limit = Math.min(Date.parse(plan.expireBefore), held?.startedAt ?? Number.POSITIVE_INFINITY);
        return sweepIn(deps, lake, { ...plan, expireBefore: new Date(limit).toISOString() }, frame.lineage);
      }),
    ),
});

/** Found by the run that asks for it, it is not done again. */
export const sweepIn = async (
  deps: Pick<Deps, 'pool' | 'settings' | 'useCases'>,
  lake: OpenLake,
  plan: UpkeepPlan,
  lineage: Frame['lineage'],
): Promise<Swept> => {
  const key = contentKey({ stage: 'sweep', run: lineage.run });
  const done = await lake.find(key);
  if (done) return done.extra.swept as Swept;
  const standing = await tablesIn(lake);
  const { keep, reasons } = await needed(deps, standing, Date.parse(plan.expireBefore));
  const goes = standing.filter(({ table, rows }) => !keep.has(table) && rows > 0);
  const tables = goes.map(({ table, rows, files, bytes }) => ({ table, rows, files, bytes }));
  const swept: Swept = { tables, kept: reasons };
  if (plan.dryRun || goes.length === 0) return swept;
  const writes = await Promise.all(goes.map((one) => emptied(lake, one)));
  await lake.commit({
    key,
    once: 'ever',
    message: `swept ${goes.length} tables last written before ${plan.expireBefore}`,
    writes,
    extra: { lineage, swept, rollback: { sweptBefore: plan.expireBefore }, why: 'swept' },
  });
  for (const { files } of writes) for (const file of files) await rm(file, { force: true });
  return swept;
};

interface Standing {
  readonly table: TableName;
  readonly key: string;
  readonly writtenAt: number;
  readonly inputs: readonly TableName[];
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
}

const tablesIn = async (lake: OpenLake): Promise<Standing[]> => {
  const times = new Map((await lake.commits.list(ALL)).map(({ snapshot, at }) => [snapshot, Date.parse(at)]));
  const standing: Standing[] = [];
  for (const { table } of await lake.commits.heads()) {
    const head = await lake.head(table);
    if (!head || !(await lake.exists(table))) continue;
    const inputs = ((head.extra.inputs ?? []) as readonly { table: TableName }[]).map((input) => input.table);
    const writtenAt = times.get(head.snapshot) ?? 0;
    standing.push({ table, key: head.key, writtenAt, inputs, ...(await sizeOf(lake, table)) });
  }
  return standing;
};

const ALL = 1_000_000;

const sizeOf = async (lake: OpenLake, table: TableName): Promise<Pick<Standing, 'rows' | 'files' | 'bytes'>> => {
  const [layer, name] = table.split('.');
  const [found] = await lake.db.rows(
    `select count(*)::integer as files, coalesce(sum(data_file_size_bytes), 0)::double as bytes
     from ducklake_list_files('lake', '${name}', schema => '${layer}')`,
  );
  const rows = await lake.db.number(`select count(*) from lake.${qualified(table)}`);
  return { rows, files: Number(found?.files), bytes: Number(found?.bytes) };
};

/** What a champion was trained from, answers from and writes to; what was written lately; and all that these are built from. */
const needed = async (
  { pool, settings, useCases }: Pick<Deps, 'pool' | 'settings' | 'useCases'>,
  standing: readonly Standing[],
  limit: number,
): Promise<{ keep: ReadonlySet<TableName>; reasons: Readonly<Record<string, number>> }> => {
  const held = (await trainedVersions(pool)).filter(({ aliases }) => aliases.length > 0);
  const trained = held.flatMap(({ lineage }) =>
    lineage.environment === settings.name ? lineage.inputs.map(({ table }) => table as TableName) : [],
  );
  const models = useCases.flatMap(({ name, models: all, featureViews }) =>
    all
      .filter((model) => held.some((version) => version.model === `${name}/${model.name}`))
      .flatMap(({ scores, label, featureView }) => [
        scores,
        label.table,
        ...featureViews.flatMap((view) => (view.name === featureView ? view.table : [])),
      ]),
  );
  const all = standing.map(({ table }) => table);
  const inputsOf = (table: TableName) => standing.find((one) => one.table === table)?.inputs ?? [];
  const champion = withInputs([...trained, ...models], inputsOf, all);
  const young = standing.filter(({ writtenAt }) => writtenAt >= limit).map(({ table }) => table);
  const keep = withInputs([...champion, ...young], inputsOf, all);
  const byChampion = all.filter((table) => champion.has(table)).length;
  return {
    keep,
    reasons: {
      'a version with an alias needs it': byChampion,
      'written lately, or needed by what was': all.filter((table) => keep.has(table)).length - byChampion,
    },
  };
};

/** The table with its columns and no row. */
const emptied = async (lake: OpenLake, { table, key }: Standing): Promise<Write> => {
  const { file } = await lake.stage(table, `from lake.${qualified(table)} limit 0`);
  return { table, files: [file], replace: 'all', expectParent: key, restores: { snapshot: null } };
};
