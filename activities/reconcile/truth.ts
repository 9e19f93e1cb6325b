// What MLflow should show of one model, and what it does show: both sides read whole, before anything is compared.
import { type LoadedPackage, loadPackage } from '../../adapters/artifacts/model-package.ts';
import { getArtifact } from '../../adapters/mlflow/artifacts.ts';
import type { MlflowClient } from '../../adapters/mlflow/client.ts';
import { KEY_TAG } from '../../adapters/mlflow/experiments.ts';
import { registeredName } from '../../adapters/mlflow/models.ts';
import {
  deletedExperiment,
  loggedModelFiles,
  type ShownModel,
  type ShownRun,
  type ShownVersion,
  shownModel,
  shownRun,
} from '../../adapters/mlflow/reading.ts';
import { PostgresMlflowLedger } from '../../adapters/postgres/mlflow-ledger.ts';
import { PostgresRegistry, type RegisteredVersion } from '../../adapters/postgres/registry.ts';
import { PostgresSignatures } from '../../adapters/postgres/signatures.ts';
import { verifyEd25519 } from '../../adapters/signing/ed25519.ts';
import { sha256 } from '../../core/commit.ts';
import { PerennialError } from '../../core/errors.ts';
import { PACKAGE_FILES } from '../../core/model-package.ts';
import { openBest } from '../../core/signed-manifest.ts';
import type { Deps } from '../deps.ts';

export type ReconcileDeps = Pick<Deps, 'settings' | 'pool' | 'artifacts' | 'mlflow' | 'crash' | 'keys'>;

/** One version on both sides. */
export interface VersionPair {
  readonly version: RegisteredVersion;
  /** Its package, or why it cannot be read: then nothing can be made again. */
  readonly loaded: LoadedPackage | { readonly broken: string };
  /** Key that vouches for it. */
  readonly signature: string | undefined;
  readonly run: ShownRun | undefined;
  /** Where MLflow keeps its logged model's files. */
  readonly files: string | undefined;
  /** sha256 of each of those files, null where one is missing. */
  readonly hashes: ReadonlyMap<string, string | null>;
  /** sha256 of the run's own files, null where one is missing. */
  readonly runHashes: ReadonlyMap<string, string | null>;
  readonly shown: ShownVersion | undefined;
}

export interface ModelPair {
  /** `<use case>/<model>`. */
  readonly model: string;
  /** Name in MLflow. */
  readonly name: string;
  readonly shown: ShownModel | undefined;
  readonly versions: readonly VersionPair[];
  /** Versions in MLflow that nobody registered. */
  readonly strangers: readonly ShownVersion[];
  readonly aliases: ReadonlyMap<string, number>;
  /** What MLflow was last made to show. */
  readonly ledger: ReadonlyMap<string, string>;
  /** Id of the experiment if it lies in the trash. */
  readonly trashed: string | undefined;
  /** True where this server once showed something of the model: what is missing was then taken away by somebody. */
  readonly known: boolean;
}

export const mlflowNameOf = (prefix: string, model: string): string => {
  const [useCase = '', name = ''] = model.split('/');
  return registeredName(prefix, useCase, name);
};

export const MANIFEST = 'manifest.json';
export const RUN_FILES = ['card.md', 'pictures.html'] as const;

export const readPair = async (deps: ReconcileDeps, mlflow: MlflowClient, model: string): Promise<ModelPair> => {
  const prefix = deps.settings.mlflowPrefix;
  const name = mlflowNameOf(prefix, model);
  const ledger = new PostgresMlflowLedger(deps.pool);
  const registered = await new PostgresRegistry(deps.pool).versions(model);
  const shown = await shownModel(mlflow, name);
  const versions: VersionPair[] = [];
  for (const version of registered.toReversed()) versions.push(await versionPair(deps, mlflow, version, shown));
  const ours = new Set(versions.map((pair) => pair.shown?.version));
  return {
    model,
    name,
    shown,
    versions,
    strangers: (shown?.versions ?? []).filter(({ version }) => !ours.has(version)),
    aliases: await ledger.aliases(model),
    ledger: await ledger.shown(model),
    trashed: await deletedExperiment(mlflow, `/${prefix}/${model}`),
    known: versions.some(({ run }) => run !== undefined),
  };
};

const versionPair = async (
  deps: ReconcileDeps,
  mlflow: MlflowClient,
  version: RegisteredVersion,
  model: ShownModel | undefined,
): Promise<VersionPair> => {
  const { mlflow: ids } = version;
  const files = ids ? await loggedModelFiles(mlflow, ids.modelId) : undefined;
  const run = ids ? await shownRun(mlflow, ids.runId) : undefined;
  return {
    version,
    loaded: await readPackage(deps, version.packageSha256),
    signature: await signatureOf(deps, version),
    run,
    files,
    hashes: await hashesAt(mlflow, files, [...PACKAGE_FILES, MANIFEST]),
    runHashes: await hashesAt(mlflow, run?.artifactUri, RUN_FILES),
    shown: ownVersion(version, model, files !== undefined),
  };
};

/**
 * A version is ours by the logged model that it stands on, which nobody can change; by its key, which anybody can write, only where that
 * logged model is gone or was never noted.
 */
const ownVersion = (
  { key, mlflow: ids }: RegisteredVersion,
  model: ShownModel | undefined,
  standing: boolean,
): ShownVersion | undefined => {
  const all = model?.versions ?? [];
  const own = all.find(({ source }) => ids !== null && source === `models:/${ids.modelId}`);
  return own || standing ? own : all.find(({ tags }) => tags.get(KEY_TAG) === key);
};

const readPackage = async ({ artifacts }: ReconcileDeps, hash: string): Promise<VersionPair['loaded']> => {
  try {
    return await loadPackage(artifacts, hash);
  } catch (error) {
    if (error instanceof PerennialError && error.hopeless) return { broken: error.message };
    throw error;
  }
};

const signatureOf = async (deps: ReconcileDeps, version: RegisteredVersion): Promise<string | undefined> => {
  const trust = { keyring: deps.keys.keyring(), verify: verifyEd25519 };
  const envelopes = await new PostgresSignatures(deps.pool).of(version);
  const { ok, keyId } = openBest(envelopes, { environment: deps.settings.name, version }, trust);
  return ok ? keyId : undefined;
};

const hashesAt = async (
  mlflow: MlflowClient,
  uri: string | undefined,
  paths: readonly string[],
): Promise<ReadonlyMap<string, string | null>> => {
  const found = new Map<string, string | null>();
  if (uri === undefined) return found;
  for (const path of paths) {
    const bytes = await getArtifact(mlflow, uri, path);
    found.set(path, bytes === undefined ? null : sha256(bytes));
  }
  return found;
};
