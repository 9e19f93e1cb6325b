// Training from a data version: which tables a tag names, and the moments that its features were cut at.
import { PostgresDataTags } from '../adapters/postgres/data-tags.ts';
import type { ArtifactRef } from '../core/artifact.ts';
import type { Pin } from '../core/commit.ts';
import { PerennialError } from '../core/errors.ts';
import { splitByTime } from '../core/learning/time-split.ts';
import type { Moments, Plan } from '../core/plan.ts';
import type { SqlSession } from '../core/sql.ts';
import { type UseCase, useCaseNamed } from '../core/use-case.ts';
import type { Deps } from './deps.ts';
import { pinOf, subjectOf } from './examples.ts';
import { framed } from './heartbeat.ts';
import { withLake } from './lake-session.ts';
import { readPlan } from './plan.ts';

export interface TaggedRun {
  readonly pins: readonly Pin[];
  /** The source whose models the tag can train: of those it holds rows of, the one with the most. */
  readonly source: string;
}

export const createTaggedRunActivities = (deps: Deps) => ({
  readTag: (request: { tag: string; useCase: string; source?: string }): Promise<TaggedRun> =>
    framed(deps.crash, async () => {
      const tag = await new PostgresDataTags(deps.pool).get(request.tag);
      const useCase = useCaseNamed(deps.useCases, request.useCase);
      return {
        pins: tag.tables.map(({ table, snapshot, key }) => ({ table, snapshot, key })),
        source: request.source ?? mainSource(useCase, tag.tables),
      };
    }),

  /** The time split that the tagged features were cut for. */
  tagMoments: (request: { plan: ArtifactRef; pins: readonly Pin[]; asOf?: string }): Promise<{ moments: Moments }> =>
    framed(deps.crash, async ({ signal }) => {
      const plan = await readPlan(deps, request.plan);
      const views = plan.models.map(({ name }) => subjectOf(plan, name).view.table);
      return withLake(deps, signal, async (lake) => {
        await lake.pin([...new Set(views)].map((table) => pinOf(request.pins, table)));
        return { moments: await momentsOfCuts(lake.db, plan, views, request.asOf) };
      });
    }),
});

const mainSource = ({ sources, models }: UseCase, tables: readonly { table: string; rows: number }[]): string => {
  const rowsOf = (table: string) => tables.find((tagged) => tagged.table === table)?.rows ?? 0;
  const [most] = sources
    .filter(({ name }) => models.some(({ source }) => source === name))
    .toSorted((a, b) => rowsOf(b.table) - rowsOf(a.table));
  return most?.name ?? '';
};

/** Feature tables keep rows at the cuts of the run that built them, so the cuts that are there say which split they serve. */
export const momentsOfCuts = async (
  db: SqlSession,
  plan: Plan,
  views: readonly string[],
  known?: string,
): Promise<Moments> => {
  const all = await Promise.all([...new Set(views)].map((table) => cutsIn(db, table)));
  const cuts = (all[0] ?? []).filter((cut) => all.every((others) => others.includes(cut)));
  const asOf = known ?? cuts.at(-1) ?? '';
  const wanted = cuts.length === 0 ? undefined : splitByTime({ asOf, windows: plan.windows, firstDay: '1900-01-01' });
  const train = wanted?.train.filter((cut) => cuts.includes(cut)) ?? [];
  if (wanted && train.length > 0 && [wanted.calibrate, wanted.test, wanted.score].every((cut) => cuts.includes(cut)))
    return { asOf, split: { ...wanted, train } };
  throw new PerennialError('INVALID_INPUT', 'The tagged features were cut for another run than this', {
    field: 'asOf',
    value: asOf,
    mend: `They have rows at ${cuts.join(', ') || 'no cut'}; give an asOf that fits, or tag after a run with the present windows`,
  });
};

const cutsIn = async (db: SqlSession, table: string): Promise<string[]> => {
  const rows = await db.rows(`select distinct as_of::date::varchar as cut from ${table} order by 1`);
  return rows.map(({ cut }) => String(cut));
};
