// The registry's rows as Postgres returns them, and as the product speaks of them.
import { z } from 'zod';
import { versionStates } from '../../core/promotion/states.ts';

const Count = z.coerce.number().pipe(z.int());
const State = z.enum(versionStates);
const Json = z.record(z.string(), z.unknown());

const VersionRow = z
  .strictObject({
    model: z.string(),
    version: Count,
    key: z.string(),
    package_sha256: z.string(),
    metrics: Json,
    lineage: Json,
    state: State,
    created_by: z.string(),
    created_at: z.date(),
    run_id: z.string(),
    mlflow_run_id: z.string().nullable(),
    mlflow_model_id: z.string().nullable(),
    mlflow_version: z.string().nullable(),
  })
  .transform((row) => ({
    model: row.model,
    version: row.version,
    key: row.key,
    packageSha256: row.package_sha256,
    metrics: row.metrics,
    lineage: row.lineage,
    state: row.state,
    createdBy: row.created_by,
    createdAt: row.created_at,
    runId: row.run_id,
    mlflow: mlflowIds(row),
  }));

const HolderRow = z.strictObject({ version: Count, revision: Count });

const EventRow = z
  .strictObject({
    at: z.date(),
    operation: z.string().nullable(),
    kind: z.enum(['version registered', 'state moved', 'alias moved', 'mlflow recorded']),
    model: z.string(),
    version: Count,
    alias: z.string().nullable(),
    before: z.string().nullable(),
    after: z.string(),
    by: z.string(),
    why: z.string(),
  })
  .readonly();

/** Where MLflow shows a version. */
export interface MlflowIds {
  readonly runId: string;
  readonly modelId: string;
  /** MLflow's own number; it need not equal ours. */
  readonly version: string;
}

export type { VersionState } from '../../core/promotion/states.ts';
export type RegisteredVersion = Readonly<z.infer<typeof VersionRow>>;
/** Who holds an alias; `revision` counts its moves. */
export type Holder = Readonly<z.infer<typeof HolderRow>>;
export type RegistryEvent = z.infer<typeof EventRow>;

export const versionOf = (row: unknown): RegisteredVersion => VersionRow.parse(row);
export const holderOf = (row: unknown): Holder => HolderRow.parse(row);
export const eventOf = (row: unknown): RegistryEvent => EventRow.parse(row);

const mlflowIds = (row: {
  mlflow_run_id: string | null;
  mlflow_model_id: string | null;
  mlflow_version: string | null;
}): MlflowIds | null =>
  row.mlflow_run_id === null || row.mlflow_model_id === null || row.mlflow_version === null
    ? null
    : { runId: row.mlflow_run_id, modelId: row.mlflow_model_id, version: row.mlflow_version };
