// A process that registers one model and kills itself where it is told to: for the test that registration survives that.
import { z } from 'zod';
import { logAndRegister, type RegisterInput } from '../../activities/register.ts';
import { FolderArtifacts } from '../../adapters/artifacts/folder.ts';
import { MlflowClient } from '../../adapters/mlflow/client.ts';
import { openPool } from '../../adapters/postgres/pool.ts';
import { KeyFolder } from '../../adapters/signing/key-folder.ts';
import { registrationDeps } from './registration-deps.ts';

const Job = z.object({
  postgres: z.object({
    host: z.string(),
    port: z.number(),
    user: z.string(),
    password: z.string(),
    database: z.string(),
  }),
  schema: z.string(),
  mlflow: z.string(),
  artifacts: z.string(),
  keys: z.string(),
  input: z.custom<RegisterInput>(),
  /** Die when this step begins, or after the answer to the writing request of this number. */
  die: z.union([z.string(), z.int(), z.null()]),
});

const job = Job.parse(JSON.parse(process.argv[2] ?? ''));
const end = (): void => void process.kill(process.pid, 'SIGKILL');

/** Searches ask by POST, and files are put whole: those leave nothing half done. */
const isWrite = (url: string, method = 'GET'): boolean => !['GET', 'PUT'].includes(method) && !url.endsWith('/search');

const plainFetch = globalThis.fetch;
let writes = 0;
globalThis.fetch = async (input, init) => {
  const response = await plainFetch(input, init);
  // The server has done it; the process will never know.
  if (isWrite(String(input), init?.method) && ++writes === job.die) end();
  return response;
};

const pool = openPool(job.postgres, { max: 4, schema: job.schema });
const deps = registrationDeps({
  pool,
  artifacts: new FolderArtifacts(job.artifacts),
  mlflow: new MlflowClient(job.mlflow),
  keys: new KeyFolder(job.keys, 'dev'),
});
await logAndRegister(deps, job.input, {
  signal: new AbortController().signal,
  lineage: { workflow: 'run-ecommerce', run: 'run-1' },
  onProgress: ({ stage }) => {
    if (stage === job.die) end();
  },
});
await pool.end();
