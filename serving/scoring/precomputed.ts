// Answers that scoring made ahead, in place of computing them: where they are asked for, or where the champion cannot be loaded. They speak
// only if they are the present champion's and of the features that are online now.
import { randomUUID } from 'node:crypto';
import type { Likeliest, PostgresPrecomputed, PrecomputedAnswer } from '../../adapters/postgres/precomputed.ts';
import { PerennialError } from '../../core/errors.ts';
import type { AppDeps } from '../app.ts';
import type { Champion, FeatureValues } from '../ports.ts';
import type { Prediction } from '../schemas.ts';

export type PrecomputedAnswers = Pick<PostgresPrecomputed, 'find' | 'likeliest'>;

export interface Found {
  readonly prediction: Prediction;
  readonly champion: Champion;
  readonly view: string;
}

type Deps = Pick<AppDeps, 'keeper' | 'precomputed' | 'now'>;

/** Undefined where there is none that may speak: then it is to be computed. */
export const precomputedFor = async (
  { keeper, precomputed, now }: Deps,
  { model: name, entity, asked }: { readonly model: string; readonly entity: string; readonly asked: boolean },
): Promise<Found | undefined> => {
  const { speaker, why } = keeper.standing(name);
  if (!precomputed || !speaker || (!asked && why === undefined)) return undefined;
  // Where Postgres is away, what is in memory may still answer.
  const stored = await precomputed.find(keeper.served(name).registered, entity).catch(() => undefined);
  if (stored?.packageSha256 !== speaker.packageSha256) return undefined;
  const prediction: Prediction = {
    ...predictionOf(name, entity, stored),
    ...(why !== undefined && { fallback_reason: `The champion cannot be loaded: ${why}` }),
    served_at: new Date(now()).toISOString(),
  };
  return { prediction, champion: speaker, view: stored.view };
};

const predictionOf = (model: string, entity: string, stored: PrecomputedAnswer): Omit<Prediction, 'served_at'> => {
  const features: Record<string, FeatureValues[string]> = {};
  for (const name of stored.features) features[name] = stored.values[name] ?? null;
  return {
    prediction_id: randomUUID(),
    entity,
    model,
    version: stored.version,
    probability: stored.probability,
    source: 'precomputed',
    scored_at: stored.scoredAt,
    features,
    feature_time: stored.eventTime,
    known_at: stored.knownAt,
    cold_start: false,
    stale: false,
  };
};

/** The likeliest entities among the answers made ahead. @throws PerennialError UNAVAILABLE where there are none of the present champion. */
export const likeliest = async (
  { keeper, precomputed }: Pick<Deps, 'keeper' | 'precomputed'>,
  name: string,
  count: number,
): Promise<Likeliest> => {
  const { registered } = keeper.served(name);
  const { speaker } = keeper.standing(name);
  const found = await precomputed?.likeliest(registered, count).catch((cause: unknown) => {
    throw new PerennialError('UNAVAILABLE', 'The answers made ahead cannot be read', {
      field: 'postgres',
      mend: 'Try again',
      cause,
    });
  });
  if (found && speaker && found.packageSha256 === speaker.packageSha256) return found;
  throw new PerennialError('UNAVAILABLE', 'The champion has made no answers ahead yet', {
    field: 'model',
    value: name,
    mend: 'They come with the next scoring: `perennial run`, or the nightly refresh; /predict computes meanwhile',
  });
};
