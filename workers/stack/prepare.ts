// The walls of all three environments in one place: roles, migrations, grants and data folders. The one user of the owner's account.
// For the stack, which does it whenever Postgres comes up, and for `settle.ts`, which does it for deployments.
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { applyGrants } from '../../adapters/postgres/grants.ts';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { closeBornDatabases, ensureMlflowDatabase } from '../../adapters/postgres/mlflow-database.ts';
import { withConnection } from '../../adapters/postgres/pool.ts';
import { ensureRoles } from '../../adapters/postgres/roles.ts';
import { environmentNames, roleAccounts } from '../../core/access.ts';
import { type Environment, siblingOf } from '../../environments/environment.ts';

/** Idempotent, and safe while the program runs. */
export const prepareWalls = async (environment: Environment, mlflowToo?: 'with MLflow'): Promise<void> => {
  const { owner, accounts, postgres, mlflow, root } = environment;
  const siblings = environmentNames.map((name) => siblingOf(environment, name));
  await ensureRoles(
    owner,
    roleAccounts.map((account) => accounts[account]),
  );
  if (!postgres.external) await closeBornDatabases(owner);
  if (mlflowToo || !mlflow.external) await ensureMlflowDatabase(owner, mlflow.postgres);
  await withConnection(owner, async (client) => {
    const directory = join(root, 'migrations');
    for (const { schema } of siblings) await migrate(client, { schema, directory });
    await applyGrants(
      client,
      siblings.map(({ name, schema, lake }) => ({ environment: name, schema, lakeSchema: lake.metadataSchema })),
    );
  });
  for (const sibling of siblings) await prepareFolders(sibling);
};

// Parquet can be read around the catalog, so its folder is closed to other users of the machine. A bucket has its own policy.
const prepareFolders = async ({ lake, artifacts, stage, reports, duckdb }: Environment): Promise<void> => {
  const folders = [lake.dataPath, artifacts, stage, reports, duckdb.tempDirectory];
  for (const folder of folders.filter((path) => !path.includes('://'))) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o700);
  }
};
