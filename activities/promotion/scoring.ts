// After a champion was moved: the plan, the moments and the pins by which the `score` workflow scores everybody with it.
import { canonicalJson, type Pin } from '../../core/commit.ts';
import { splitByTime } from '../../core/learning/time-split.ts';
import type { Moments, PlanBrief } from '../../core/plan.ts';
import { qualified } from '../../core/sql.ts';
import { useCaseNamed } from '../../core/use-case.ts';
import type { Deps } from '../deps.ts';
import { subjectOf } from '../examples.ts';
import type { Frame } from '../heartbeat.ts';
import { type OpenLake, withLake } from '../lake-session.ts';
import { planOf } from '../plan.ts';

export interface ScoringPlan {
  readonly brief: PlanBrief;
  readonly model: string;
  readonly moments: Moments;
  readonly pins: readonly Pin[];
}

const SEED = 42;

/** Null where the environment has no features to score: there the next run does it. */
export const planScoring = (
  deps: Deps,
  { useCase: name, model }: { useCase: string; model: string },
  { signal }: Frame,
): Promise<ScoringPlan | null> =>
  withLake(deps, signal, async (lake) => {
    const useCase = useCaseNamed(deps.useCases, name);
    const subject = subjectOf(useCase, model);
    const head = await lake.head(subject.view.table);
    if (!head) return null;
    const pin: Pin = { table: subject.view.table, snapshot: head.snapshot, key: head.key };
    await lake.pin([pin]);
    const span = await cuts(lake, pin);
    if (span === null) return null;
    const plan = await planOf(lake.db, useCase, { useCase: name, source: subject.model.source, seed: SEED });
    const ref = await deps.artifacts.put(Buffer.from(canonicalJson(plan)));
    const tables = plan.tables.map(({ name: table, inputs }) => ({ name: table, inputs }));
    const models = plan.models.map((planned) => planned.name);
    const split = splitByTime({ asOf: span.last, windows: plan.windows, firstDay: span.first, minimumHistoryDays: 0 });
    return {
      brief: { plan: ref, useCase: name, tables, models },
      model,
      moments: { asOf: span.last, split },
      pins: [pin],
    };
  });

/** First and newest moment that the feature table describes; the newest is where there are no labels yet. */
const cuts = async (lake: OpenLake, { table }: Pin): Promise<{ first: string; last: string } | null> => {
  const [row] = await lake.db.rows(
    `select min(as_of)::date::varchar as first, max(as_of)::date::varchar as last from ${qualified(table)}`,
  );
  return typeof row?.first === 'string' && typeof row.last === 'string' ? { first: row.first, last: row.last } : null;
};
