// Everything that led to one prediction, gathered: its record, its features' source, the model's version, and who let it answer.
import type { Pool } from 'pg';
import { openPool } from '../../adapters/postgres/pool.ts';
import { PostgresPredictionLog } from '../../adapters/postgres/prediction-log.ts';
import { PostgresPromotions, type PromotionDecision } from '../../adapters/postgres/promotions.ts';
import { PostgresRegistry, type RegisteredVersion } from '../../adapters/postgres/registry.ts';
import { PostgresSignatures } from '../../adapters/postgres/signatures.ts';
import { PerennialError } from '../../core/errors.ts';
import { tableOfOnline } from '../../core/feature-version.ts';
import { type LoggedPrediction, predictionsTable } from '../../core/prediction-log.ts';
import { literal, qualified } from '../../core/sql.ts';
import { useCaseNamed } from '../../core/use-case.ts';
import type { Environment } from '../../environments/environment.ts';
import { useCases } from '../../models/index.ts';
import { verdictOn } from '../commands/verify.ts';
import { type Reader, type ReadOnlyLake, unlessClosed, withReadOnlyLake } from '../lake.ts';
import { type FeatureSource, featureSource, type SourceLines, sourceLines } from './source.ts';

export interface ModelStory {
  readonly model: string;
  readonly version: number;
  readonly packageSha256: string;
  readonly registeredBy: string;
  readonly registeredAt: string;
  /** The run that made it. */
  readonly run: string;
  readonly trainedFrom: readonly { readonly table: string; readonly snapshot: number }[];
  readonly signature: { readonly verified: boolean; readonly key: string };
}

export interface Approval {
  /** How it came to answer here. */
  readonly champion: { readonly by: string; readonly why: string; readonly at: string } | null;
  /** Whom its signature names. */
  readonly approver: { readonly by: string; readonly why: string } | null;
  readonly promotion: {
    readonly id: string;
    readonly requestedBy: string;
    readonly from: string;
    readonly decisions: readonly Pick<PromotionDecision, 'by' | 'verdict' | 'why' | 'at'>[];
  } | null;
}

export interface Story {
  readonly environment: string;
  readonly prediction: LoggedPrediction;
  /** Where the record of it was found. */
  readonly recordedIn: 'postgres' | 'lake';
  readonly features: FeatureSource | null;
  readonly lines: SourceLines | null;
  readonly model: ModelStory | null;
  readonly approval: Approval | null;
}

interface Asked {
  readonly id: string;
  readonly reader: Reader;
  /** Lines of files to show. */
  readonly lines: number;
}

/** @throws PerennialError UNKNOWN_NAME for a prediction that nobody recorded, FORBIDDEN where this reader may not look. */
export const storyOf = async (environment: Environment, { id, reader, lines }: Asked): Promise<Story> => {
  const pool = openPool(environment[reader], { max: 2, schema: environment.schema });
  try {
    const waiting = await unlessClosed(
      `The predictions of ${environment.name} are`,
      reader,
      new PostgresPredictionLog(pool).find(id),
    );
    return await withReadOnlyLake(
      environment,
      undefined,
      async (lake) => {
        const prediction = waiting ?? (await collected(lake, id));
        if (!prediction) throw unknown(environment.name, id);
        return {
          environment: environment.name,
          prediction,
          recordedIn: waiting ? 'postgres' : 'lake',
          ...(await sourceOf(lake, prediction, lines)),
          ...(await modelOf(environment, pool, prediction)),
        };
      },
      reader,
    );
  } finally {
    await pool.end();
  }
};

const collected = async (lake: ReadOnlyLake, id: string): Promise<LoggedPrediction | undefined> => {
  if (!(await lake.exists(predictionsTable))) return undefined;
  const table = qualified(predictionsTable);
  const [row] = await lake.db.rows(`select * from ${table} where prediction_id = ${literal(id)}::uuid`);
  const moment = (value: unknown) => new Date(`${String(value).replace(' ', 'T')}Z`).toISOString();
  return (
    row && {
      id: String(row.prediction_id),
      servedAt: moment(row.served_at),
      useCase: String(row.use_case),
      model: String(row.model),
      version: Number(row.version),
      packageSha256: String(row.package_sha256),
      view: String(row.view),
      entity: String(row.entity),
      probability: Number(row.probability),
      features: JSON.parse(String(row.features)) as LoggedPrediction['features'],
      featureTime: row.feature_time === null ? null : moment(row.feature_time),
      knownAt: row.known_at === null ? null : moment(row.known_at),
      coldStart: row.cold_start === true,
      stale: row.stale === true,
      // Lakes of before have no such column.
      job: row.job == null ? null : String(row.job),
    }
  );
};

const sourceOf = async (
  lake: ReadOnlyLake,
  prediction: LoggedPrediction,
  limit: number,
): Promise<Pick<Story, 'features' | 'lines'>> => {
  const useCase = useCaseNamed(useCases, prediction.useCase);
  const view = useCase.featureViews.find(({ table }) => table === tableOfOnline(prediction.view));
  const model = useCase.models.find(({ name }) => name === prediction.model);
  const source = useCase.sources.find(({ name }) => name === model?.source);
  // Of an unknown entity nothing came from anywhere: it was taken for what is typical.
  if (prediction.coldStart || !view) return { features: null, lines: null };
  const features = (await featureSource(lake, prediction, view.entity)) ?? null;
  if (!features || !source) return { features, lines: null };
  const about = { prediction, joinKey: view.entity, limit };
  return { features, lines: (await sourceLines(lake, source, features, about)) ?? null };
};

const modelOf = async (
  environment: Environment,
  pool: Pool,
  prediction: LoggedPrediction,
): Promise<Pick<Story, 'model' | 'approval'>> => {
  const name = `${prediction.useCase}/${prediction.model}`;
  const versions = await new PostgresRegistry(pool).versions(name);
  const version = versions.find((known) => known.version === prediction.version);
  if (version?.packageSha256 !== prediction.packageSha256) return { model: null, approval: null };
  const verdict = await verdictOn(environment, version, await new PostgresSignatures(pool).of(version));
  const inputs = (version.lineage.inputs ?? []) as readonly { table: string; snapshot: number }[];
  return {
    model: {
      model: name,
      version: version.version,
      packageSha256: version.packageSha256,
      registeredBy: version.createdBy,
      registeredAt: version.createdAt.toISOString(),
      run: version.runId,
      trainedFrom: inputs.map(({ table, snapshot }) => ({ table, snapshot })),
      signature: { verified: verdict.verified, key: verdict.key },
    },
    approval: await approvalOf(pool, version, prediction.servedAt, verdict.approver),
  };
};

const approvalOf = async (
  pool: Pool,
  { model, version }: RegisteredVersion,
  servedAt: string,
  approver: Approval['approver'],
): Promise<Approval> => {
  const events = await new PostgresRegistry(pool).events(model);
  const crowned = events.findLast(
    ({ kind, after, at }) => kind === 'alias moved' && after === String(version) && at.toISOString() <= servedAt,
  );
  const promotions = new PostgresPromotions(pool);
  const promotion = (await promotions.list({ model, limit: 1_000 })).find((one) => one.version === version);
  const champion = crowned && { by: crowned.by, why: crowned.why, at: crowned.at.toISOString() };
  if (!promotion) return { champion: champion ?? null, approver, promotion: null };
  const { id, requestedBy, from, attempt } = promotion;
  const decisions = (await promotions.decisions(attempt)).map(({ by, verdict, why, at }) => ({ by, verdict, why, at }));
  const asked = { id, requestedBy, from: `${from.environment} version ${from.version}`, decisions };
  return { champion: champion ?? null, approver, promotion: asked };
};

const unknown = (environment: string, id: string): PerennialError =>
  new PerennialError('UNKNOWN_NAME', `Nobody recorded such a prediction in ${environment}`, {
    field: 'prediction',
    value: id,
    mend: 'Records are written within seconds; /health counts those that were dropped',
  });
