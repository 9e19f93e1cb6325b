// Lets MLflow's alias name whoever is champion in Postgres now, and notes that it does: beside that note the reconciler tells an alias that
// somebody moved by hand from one that lags behind. For registration, promotion and rollback.
import type { MlflowClient } from '../adapters/mlflow/client.ts';
import { setAlias } from '../adapters/mlflow/models.ts';
import { aliasSubject, PostgresMlflowLedger } from '../adapters/postgres/mlflow-ledger.ts';
import type { PostgresRegistry, RegisteredVersion } from '../adapters/postgres/registry.ts';
import type { Deps } from './deps.ts';

export interface Shelf {
  /** `<use case>/<model>`. */
  readonly model: string;
  /** Its name in MLflow. */
  readonly shown: string;
}

/** To be called while nobody else shows this model: `held` is what `exclusively` gives. */
export const showChampionOf = async (
  { pool }: Pick<Deps, 'pool'>,
  mlflow: MlflowClient,
  { model, shown }: Shelf,
  held: Pick<PostgresRegistry, 'champion'>,
): Promise<RegisteredVersion | undefined> => {
  const champion = await held.champion(model);
  if (!champion?.mlflow) return champion;
  await setAlias(mlflow, shown, 'champion', champion.mlflow.version);
  await new PostgresMlflowLedger(pool).note(model, aliasSubject('champion'), champion.mlflow.version);
  return champion;
};
