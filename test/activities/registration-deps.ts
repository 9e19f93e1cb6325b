// What the registration stage needs of its worker, for its tests.
import type { Pool } from 'pg';
import type { RegistryDeps } from '../../activities/register.ts';
import type { MlflowClient } from '../../adapters/mlflow/client.ts';
import { ed25519Signer, newKeyPair } from '../../adapters/signing/ed25519.ts';
import type { ArtifactStore } from '../../core/artifact.ts';
import { emptyKeyring, withKey } from '../../core/keyring.ts';
import type { SigningKeys } from '../../core/signed-manifest.ts';

/** Keys of an environment that are as old as the process. */
export const freshKeys = (environment: string): SigningKeys => {
  const pair = newKeyPair();
  const signer = ed25519Signer(pair);
  const keyring = withKey(emptyKeyring(environment), { ...pair, addedAt: '2025-01-01T00:00:00Z' });
  return { signer: () => signer, keyring: () => keyring };
};

/** Dependencies of the stage; settings that it does not read are empty. */
export const registrationDeps = (
  tools: { pool: Pool; artifacts: ArtifactStore; mlflow: MlflowClient; keys?: SigningKeys },
  name = 'dev',
): RegistryDeps => ({
  crash: () => undefined,
  keys: freshKeys(name),
  ...tools,
  settings: {
    name,
    mlflowPrefix: name,
    runPages: '',
    postgres: { host: '', port: 0, user: '', password: '', database: '' },
    lake: { metadataSchema: '', dataPath: '' },
    extensions: { ducklake: '', postgres: '' },
    duckdb: { threads: 1, memoryLimit: '1GB', tempDirectory: '' },
    stage: '',
    reports: '',
    lightgbmLibrary: '',
    codeVersion: '',
  },
});
