// An MLflow server of our own: one uvicorn process over Postgres, and how to ask whether it answers. For the stack.
import { z } from 'zod';
import { PerennialError } from '../../core/errors.ts';

export interface MlflowServerPlace {
  readonly python: string;
  readonly host: string;
  readonly port: number;
  /** `postgresql://user:password@host:port/database` */
  readonly databaseUrl: string;
  /** Folder or `s3://` prefix where the server keeps artifacts. */
  readonly artifacts: string;
}

/**
 * The command and its variables. uvicorn directly: one process of 240 MB that starts in 6 s, where `mlflow server` runs
 * many and needs 13 s. The underscored names are MLflow's own, read by the app it would start; they hold for the pinned 3.17.2.
 */
export const mlflowServerCommand = (
  place: MlflowServerPlace,
): { file: string; args: string[]; variables: Record<string, string> } => {
  const store = place.databaseUrl.replace(/^postgres(ql)?:/, 'postgresql+psycopg2:');
  return {
    file: place.python,
    args: [
      ...['-m', 'uvicorn', '--host', place.host, '--port', String(place.port)],
      ...['--workers', '1', '--log-level', 'warning', 'mlflow.server.fastapi_app:app'],
    ],
    variables: {
      _MLFLOW_SERVER_FILE_STORE: store,
      _MLFLOW_SERVER_REGISTRY_STORE: store,
      _MLFLOW_SERVER_ARTIFACT_ROOT: 'mlflow-artifacts:/',
      _MLFLOW_SERVER_ARTIFACT_DESTINATION: place.artifacts,
      _MLFLOW_SERVER_SERVE_ARTIFACTS: 'true',
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
      MLFLOW_DISABLE_TELEMETRY: 'true',
      PYTHONUNBUFFERED: '1',
    },
  };
};

const searchReply = z.object({ experiments: z.array(z.object({ experiment_id: z.string() })).optional() });

/**
 * The server's version once it answers and reaches its database (its own /health answers 200 without one).
 * @throws PerennialError UNAVAILABLE while it does not.
 */
export const probeMlflow = async (url: string): Promise<string> => {
  try {
    const limit = () => AbortSignal.timeout(10_000);
    const reply = await fetch(`${url}/api/2.0/mlflow/experiments/search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ max_results: 1 }),
      signal: limit(),
    });
    if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
    searchReply.parse(await reply.json());
    return (await (await fetch(`${url}/version`, { signal: limit() })).text()).trim();
  } catch (cause) {
    throw new PerennialError('UNAVAILABLE', 'MLflow does not answer', { field: 'mlflow', value: url, cause });
  }
};
