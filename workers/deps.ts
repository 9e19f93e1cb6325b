// From an environment to what activities need: places become pools, stores and libraries, once per worker process.
import { execFileSync } from 'node:child_process';
import type { Deps } from '../activities/deps.ts';
import { FolderArtifacts } from '../adapters/artifacts/folder.ts';
import { extensionFiles } from '../adapters/duckdb/extensions.ts';
import { MlflowClient } from '../adapters/mlflow/client.ts';
import { openPool } from '../adapters/postgres/pool.ts';
import { PostgresRegistry } from '../adapters/postgres/registry.ts';
import { lightgbmLibrary } from '../adapters/python/venv.ts';
import { KeyFolder } from '../adapters/signing/key-folder.ts';
import { email } from '../adapters/smtp/notifier.ts';
import { webhook } from '../adapters/webhook/notifier.ts';
import { lowerOf } from '../core/access.ts';
import type { Notifier } from '../core/alert.ts';
import { type Environment, siblingOf } from '../environments/environment.ts';
import { useCases } from '../models/index.ts';
import { crashPoints } from './crash-points.ts';
import { trainer } from './trainer/index.ts';

/** Lock holder plus readers for every activity slot, with room to spare. */
const POOL_SIZE = 12;

/** `rest`: what a step calls once it needs the cores no more; where nobody waits for them, it may be left out. */
export const buildDeps = async (environment: Environment, rest: Deps['rest'] = () => undefined): Promise<Deps> => {
  const { name, reports, stage, duckdb, postgres, lake, mlflow, venv } = environment;
  return {
    settings: {
      name,
      postgres,
      lake,
      extensions: await extensionFiles(venv),
      duckdb,
      stage,
      reports,
      lightgbmLibrary: await lightgbmLibrary(venv),
      codeVersion: codeVersion(environment.root),
      runPages: `${environment.temporal.uiUrl}/namespaces/${environment.temporal.namespace}/workflows`,
      mlflowPrefix: mlflow.prefix,
    },
    pool: openPool(postgres, { max: POOL_SIZE, schema: environment.schema }),
    artifacts: new FolderArtifacts(environment.artifacts),
    mlflow: new MlflowClient(mlflow.url),
    useCases,
    trainer,
    crash: crashPoints(environment.crashFolder),
    rest,
    keys: new KeyFolder(environment.keys, name),
    policy: environment.promotion,
    notifiers: notifiersOf(environment),
    ...lower(environment),
  };
};

/** One for each receiver of the environment. */
export const notifiersOf = ({ receivers }: Pick<Environment, 'receivers'>): readonly Notifier[] =>
  receivers.map((receiver) => (receiver.kind === 'webhook' ? webhook(receiver) : email(receiver)));

/** The environment below, read as this one's own service: its registry by its schema, its artifacts by their folder. */
const lower = (environment: Environment): Pick<Deps, 'lower'> => {
  const name = lowerOf(environment.name);
  if (name === undefined) return {};
  const { schema, artifacts, mlflow } = siblingOf(environment, name);
  const pool = openPool(environment.postgres, { max: 2, schema });
  return {
    lower: {
      name,
      registry: new PostgresRegistry(pool),
      artifacts: new FolderArtifacts(artifacts),
      mlflowPrefix: mlflow.prefix,
      close: () => pool.end(),
    },
  };
};

/** The commit that runs, with a mark where the files differ from it; `unversioned` outside a checkout. */
const codeVersion = (root: string): string => {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch (error) {
    if (error instanceof Error) return 'unversioned';
    throw error;
  }
};
