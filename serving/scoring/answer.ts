// From entities to answers: features from the online store, the model in memory, each answer with its provenance and its record.
import { randomUUID } from 'node:crypto';
import { PerennialError } from '../../core/errors.ts';
import type { LoggedPrediction } from '../../core/prediction-log.ts';
import type { AppDeps } from '../app.ts';
import type { Champion, FeatureValues, LoadedModel } from '../ports.ts';
import type { Prediction } from '../schemas.ts';
import { unwatched } from '../stages.ts';
import { type FeatureReading, withoutCache } from './feature-cache.ts';
import { precomputedFor } from './precomputed.ts';

export interface Asked {
  readonly model: string;
  readonly entities: readonly string[];
  /** With the contributions of the features. */
  readonly explain: boolean;
}

export type AnswerDeps = Pick<
  AppDeps,
  'keeper' | 'online' | 'features' | 'predictions' | 'precomputed' | 'now' | 'inStage'
>;

/** One answer for each entity, in their order: one read, one run of the model. */
export const answer = (deps: AnswerDeps, { model: name, entities, explain }: Asked): Promise<Prediction[]> =>
  deps.keeper.use(name, async (model, champion) => {
    const { features = withoutCache(deps.online), inStage = unwatched, now } = deps;
    if (explain && !model.explain) throw unexplained(name, model.scorer);
    const reading = await inStage('retrieve', name, () => features.read(model.view, entities));
    const rows = inStage('features', name, () => entities.map((entity) => seen(model, reading, entity)));
    const probabilities = await inStage('infer', name, () => model.scoreMany(rows));
    const reasons = explain ? await inStage('explain', name, () => reasonsOf(model, rows)) : [];
    const at = { name, champion, reading, servedAt: new Date(now()).toISOString() };
    return entities.map((entity, i) => {
      const prediction = predictionOf(at, { entity, row: rows[i] ?? {}, probability: probabilities[i] });
      record(deps, { name, champion, view: model.view }, prediction);
      const why = reasons[i];
      return why ? { ...prediction, reasons: why } : prediction;
    });
  });

export interface AskedOne extends Omit<Asked, 'entities'> {
  readonly entity: string;
  /** Looked up rather than computed, where that is as good; reasons are always computed. */
  readonly precomputed?: boolean;
}

/** The answer for one entity. */
export const answerOne = async (
  deps: AnswerDeps,
  { entity, precomputed = false, ...asked }: AskedOne,
): Promise<Prediction> => {
  const found = asked.explain
    ? undefined
    : await precomputedFor(deps, { model: asked.model, entity, asked: precomputed });
  if (found) {
    record(deps, { name: asked.model, ...found }, found.prediction);
    return found.prediction;
  }
  const [prediction] = await answer(deps, { ...asked, entities: [entity] });
  if (prediction) return prediction;
  throw new Error('One entity has one answer');
};

/** Exactly the features of the model's input, in its order. */
export const seen = (
  { signature, population }: LoadedModel,
  reading: FeatureReading,
  entity: string,
): FeatureValues => {
  const values = knownOf(reading, entity)?.values ?? population;
  const row: Record<string, FeatureValues[string]> = {};
  for (const { name } of signature.features) row[name] = values[name] ?? null;
  return row;
};

/** What is known of an entity, and has not expired. */
const knownOf = ({ found }: FeatureReading, entity: string) => {
  const row = found.get(entity);
  return row?.expired ? undefined : row;
};

/** What a model answered, if it is a probability. @throws PerennialError LAW_BROKEN naming the model. */
export const checked = (field: string, probability = Number.NaN): number => {
  if (probability >= 0 && probability <= 1) return probability;
  throw new PerennialError('LAW_BROKEN', 'The model answered no probability', { field, value: String(probability) });
};

/** Who answers, from which features, and when. */
export interface Answering {
  readonly name: string;
  readonly champion: Champion;
  readonly reading: FeatureReading;
  readonly servedAt: string;
}

/** The answer for one entity: what the model saw of it, what it made of that, and where it came from. */
export const predictionOf = (
  { name, champion, reading, servedAt }: Answering,
  one: { readonly entity: string; readonly row: FeatureValues; readonly probability: number | undefined },
): Prediction => {
  const { entity, row } = one;
  const known = knownOf(reading, entity);
  const stale = reading.stale.has(entity);
  return {
    prediction_id: randomUUID(),
    entity,
    model: name,
    version: champion.version,
    probability: checked(name, one.probability),
    source: 'computed',
    scored_at: servedAt,
    features: row,
    feature_time: known?.eventTime ?? null,
    known_at: known?.knownAt ?? null,
    cold_start: known === undefined,
    ...(reading.found.get(entity)?.expired && { expired: true }),
    stale,
    ...(stale && { stale_reason: STALE }),
    served_at: servedAt,
  };
};

const STALE = 'The online store does not answer: these features were read from it earlier, and may have changed since';

const record = ({ keeper, predictions }: AnswerDeps, by: Answered, prediction: Prediction): void =>
  predictions?.add(recordOf(keeper.served(by.name).useCase, by, prediction));

interface Answered extends Pick<Answering, 'name' | 'champion'> {
  readonly view: string;
  readonly job?: string;
}

/** What is kept of an answer. */
export const recordOf = (
  useCase: string,
  { name, champion, view, job }: Answered,
  prediction: Prediction,
): LoggedPrediction => ({
  id: prediction.prediction_id,
  servedAt: prediction.served_at,
  useCase,
  model: name,
  version: champion.version,
  packageSha256: champion.packageSha256,
  view,
  entity: prediction.entity,
  probability: prediction.probability,
  features: prediction.features,
  featureTime: prediction.feature_time,
  knownAt: prediction.known_at,
  coldStart: prediction.cold_start,
  stale: prediction.stale,
  job: job ?? null,
});

/** Of each row, the largest first. */
const reasonsOf = async (
  model: LoadedModel,
  rows: readonly FeatureValues[],
): Promise<readonly NonNullable<Prediction['reasons']>[]> => {
  if (!model.explain) throw unexplained('model', model.scorer);
  const found = await model.explain(rows);
  return found.map(({ expected, raw, contributions }, i) => ({
    expected_value: expected,
    raw_score: raw,
    contributions: contributions
      .map(([feature, contribution]) => ({ feature, value: rows[i]?.[feature] ?? null, contribution }))
      .sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution)),
  }));
};

const unexplained = (name: string, scorer: string): PerennialError =>
  new PerennialError('UNAVAILABLE', `The version that answers cannot be explained: it is scored by ${scorer}`, {
    field: 'explain',
    value: name,
    mend: 'Ask without explain',
  });
