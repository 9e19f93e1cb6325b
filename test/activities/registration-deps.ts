// What the registration stage needs of its worker, for its tests.
import type { Pool } from 'pg';
import type { RegistryDeps } from '../../activities/register.ts';
import type { MlflowClient } from '../../adapters/mlflow/client.ts';
import type { ArtifactStore } from '../../core/artifact.ts';

/** Dependencies of the stage; settings that it does not read are empty. */
export const registrationDeps = (
  tools: { pool: Pool; artifacts: ArtifactStore; mlflow: MlflowClient },
  name = 'dev',
): RegistryDeps => ({
  ...tools,
  crash: () => undefined,
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
