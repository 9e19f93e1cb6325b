// The upkeep of the lake, step by step: what is asked, files merged, snapshots expired, files deleted, scratch and tokens cleared, all accounted for.
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { compressLikeOurs, LakeUpkeep } from '../adapters/ducklake/maintenance.ts';
import { PostgresRefreshTokens } from '../adapters/postgres/api-keys.ts';
import { PostgresAuditReads } from '../adapters/postgres/audit-reads.ts';
import { PostgresDataTags } from '../adapters/postgres/data-tags.ts';
import { PostgresPrecomputed } from '../adapters/postgres/precomputed.ts';
import { PostgresScoreJobs } from '../adapters/postgres/score-jobs.ts';
import { recordUpkeep, trainedVersions, type UpkeepAccount } from '../adapters/postgres/upkeep.ts';
import { type OpenRun, oldestOpenRun } from '../adapters/temporal/open-runs.ts';
import { LEAST_READ_DAYS } from '../core/audit-read.ts';
import { PerennialError } from '../core/errors.ts';
import type { Cleaned, Cleared, Expired, MaintainInput, Merged, SweepInput, UpkeepPlan } from '../core/maintenance.ts';
import { type LoggedCommit, type Protection, retain, withOrigins } from '../core/retention.ts';
import type { Deps } from './deps.ts';
import { framed } from './heartbeat.ts';
import { type OpenLake, withLake } from './lake-session.ts';
import { parsed } from './parsed.ts';
import { clearFolder } from './scratch.ts';

const hours = z
  .number()
  .min(0)
  .max(24 * 365);
const common = {
  deleteAfterHours: hours.default(24),
  scratchAfterHours: hours.default(48),
  protect: z.array(z.int().min(0)).readonly().default([]),
  dryRun: z.boolean().default(false),
  lostAfterSeconds: z.int().min(2).max(3_600).optional(),
};
const days = z.number().min(0).max(36_500);
const maintainInput = z.strictObject({
  expireAfterDays: days.default(30),
  readsAfterDays: z.number().min(LEAST_READ_DAYS).max(36_500).default(90),
  mergeFrom: z.int().min(2).default(4),
  ...common,
});
const sweepInput = z.strictObject({
  afterDays: days.default(14),
  settleSeconds: z.int().min(0).max(3_600).default(60),
  ...common,
});

/** Types of workflow that pin nothing themselves. */
const UPKEEP = ['maintain', 'sweep'] as const;
const HOUR_MS = 3_600_000;

export const createMaintainActivities = (deps: Deps) => ({
  planMaintenance: (input: MaintainInput): Promise<UpkeepPlan> =>
    framed(deps.crash, async () => {
      const { expireAfterDays, readsAfterDays, mergeFrom, ...rest } = fields(maintainInput, input);
      const plan = { ...planOf(expireAfterDays, rest), readsBefore: ago(readsAfterDays * 24) };
      return { ...plan, mergeFrom, keep: 'history', settleSeconds: 0 };
    }),

  /** @throws PerennialError INVALID_INPUT in prod: nothing there is temporary. */
  planSweep: (input: SweepInput): Promise<UpkeepPlan> =>
    framed(deps.crash, async () => {
      if (deps.settings.name === 'prod') {
        throw new PerennialError('INVALID_INPUT', 'prod is not swept', { field: 'env', value: deps.settings.name });
      }
      const { afterDays, settleSeconds, ...rest } = fields(sweepInput, input);
      return { ...planOf(afterDays, rest), mergeFrom: Number.MAX_SAFE_INTEGER, keep: 'present', settleSeconds };
    }),

  mergeFiles: (plan: UpkeepPlan): Promise<Merged> =>
    framed(deps.crash, async ({ signal, onProgress }) => {
      await compressLikeOurs(deps.pool, deps.settings.lake.metadataSchema);
      return withLake(deps, signal, async (lake) => {
        const upkeep = upkeepOf(deps, lake);
        const found = await upkeep.fragmented(plan.mergeFrom);
        const tables: Merged['tables'][number][] = [];
        for (const [done, one] of found.entries()) {
          signal.throwIfAborted();
          onProgress({ stage: `merge ${one.table}`, done, total: found.length, unit: 'tables' });
          const { table, files } = one;
          tables.push(plan.dryRun ? { table, filesBefore: files, filesAfter: files } : await upkeep.merge(one));
        }
        return { tables };
      });
    }),

  expireSnapshots: (plan: UpkeepPlan): Promise<Expired> =>
    framed(deps.crash, ({ signal }) =>
      withLake(deps, signal, async (lake) => {
        const held = await oldestOpenRun(Context.current().client, UPKEEP);
        return expireIn(deps, lake, plan, held);
      }),
    ),

  cleanUpFiles: (plan: UpkeepPlan): Promise<Cleaned> =>
    framed(deps.crash, ({ signal, lineage }) =>
      withLake(deps, signal, async (lake) => {
        const reads = await expireReads(deps.pool, plan, lineage.workflow);
        const upkeep = upkeepOf(deps, lake);
        const old = await upkeep.deleteOld(plan.deleteBefore, plan.dryRun);
        const orphans = await upkeep.deleteOrphans(plan.deleteBefore, plan.dryRun);
        return { old, orphans, ...(reads !== undefined && { reads }) };
      }),
    ),

  clearScratch: ({ scratchBefore, dryRun }: UpkeepPlan): Promise<Cleared> =>
    framed(deps.crash, async () => {
      const folders = await clearFolder(deps.settings.stage, Date.parse(scratchBefore), dryRun);
      const superseded = await new PostgresPrecomputed(deps.pool).sweep(scratchBefore, dryRun);
      const expired = await new PostgresScoreJobs(deps.pool).sweep(dryRun);
      return { ...folders, rows: superseded + expired };
    }),

  /** Refresh tokens that expired; returns how many. */
  purgeTokens: ({ dryRun }: UpkeepPlan): Promise<number> =>
    framed(deps.crash, () => new PostgresRefreshTokens(deps.pool).purge(dryRun)),

  recordUpkeep: ({ kind, result }: Pick<UpkeepAccount, 'kind' | 'result'>): Promise<void> =>
    framed(deps.crash, ({ lineage }) => recordUpkeep(deps.pool, { kind, result, ...lineage })),
});

const expireReads = async (
  pool: Deps['pool'],
  { readsBefore, dryRun }: UpkeepPlan,
  by: string,
): Promise<number | undefined> => {
  if (readsBefore === undefined) return undefined;
  const reads = new PostgresAuditReads(pool);
  return dryRun ? reads.olderThan(readsBefore) : reads.expire(readsBefore, by);
};

/** The expiry itself: what is younger than the floor stays, and so does whatever is needed. */
export const expireIn = async (
  deps: Pick<Deps, 'pool' | 'settings' | 'crash'>,
  lake: OpenLake,
  plan: UpkeepPlan,
  held: OpenRun | undefined,
): Promise<Expired> => {
  const before = Date.parse(plan.expireBefore);
  const floor = Math.min(before, held?.startedAt ?? before);
  const openSince = plan.keep === 'history' ? floor : (held?.startedAt ?? Date.now());
  const pins = await pinned(deps, plan);
  const upkeep = upkeepOf(deps, lake);
  const { expire, kept } = await upkeep.expire(
    (snapshots, log) => retain(snapshots, log, { floor, openSince, needed: needed(pins, log) }),
    plan.dryRun,
  );
  return {
    expired: expire.length,
    left: Object.values(kept).reduce((sum, count) => sum + count, 0),
    kept,
    floor: new Date(floor).toISOString(),
    heldBy: held !== undefined && held.startedAt < before ? held.workflowId : null,
  };
};

interface Pinned {
  readonly versions: Awaited<ReturnType<typeof trainedVersions>>;
  readonly tags: readonly number[];
  readonly asked: readonly number[];
}

const pinned = async ({ pool, settings }: Pick<Deps, 'pool' | 'settings'>, plan: UpkeepPlan): Promise<Pinned> => {
  const all = await trainedVersions(pool);
  return {
    // A version that was promoted into here names snapshots of another lake.
    versions: all.filter(({ lineage, aliases }) => {
      const counts = plan.keep === 'history' || aliases.length > 0;
      return counts && lineage.environment === settings.name;
    }),
    tags: await new PostgresDataTags(pool).snapshots(),
    asked: plan.protect,
  };
};

const needed = ({ versions, tags, asked }: Pinned, log: readonly LoggedCommit[]): Protection['needed'] => {
  const inputs = versions.flatMap(({ lineage }) => lineage.inputs);
  const all = (snapshots: Iterable<number>, why: string) => [...snapshots].map((snapshot) => ({ snapshot, why }));
  return [
    ...all(withOrigins(inputs, log), 'a model version was trained from it'),
    ...all(tags, 'a tag names it'),
    ...all(asked, 'asked for'),
  ];
};

export const upkeepOf = ({ pool, settings, crash }: Pick<Deps, 'pool' | 'settings' | 'crash'>, lake: OpenLake) =>
  new LakeUpkeep({ lake, pool, metadataSchema: settings.lake.metadataSchema, crash });

const ago = (age: number): string => new Date(Date.now() - age * HOUR_MS).toISOString();

const planOf = (
  days: number,
  { deleteAfterHours, scratchAfterHours, protect, dryRun }: z.output<z.ZodObject<typeof common>>,
): Omit<UpkeepPlan, 'mergeFrom' | 'keep' | 'settleSeconds'> => {
  return {
    expireBefore: ago(days * 24),
    deleteBefore: ago(deleteAfterHours),
    scratchBefore: ago(scratchAfterHours),
    protect,
    dryRun,
  };
};

const fields = <Shape extends z.ZodObject>(shape: Shape, input: unknown): z.output<Shape> =>
  parsed(shape, input ?? {}, `Fields: ${Object.keys(shape.shape).join(', ')}; {} will do`);
