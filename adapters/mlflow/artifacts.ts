// Files that MLflow shows at a run or a model: put by a checked path, since MLflow's own server follows `..`.
import { PerennialError } from '../../core/errors.ts';
import type { MlflowClient } from './client.ts';

/** Begins with no dot, so neither `.` nor `..` is one. */
const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._ -]*$/;

/**
 * Puts bytes as `path` under an artifact URI of ours (`mlflow-artifacts:/…`); again with the same bytes changes nothing.
 * `INVALID_INPUT` for any other scheme, for `..`, `%`, an absolute path, and whatever else is not plain names joined by `/`.
 */
export const putArtifact = async (
  mlflow: MlflowClient,
  artifactUri: string,
  path: string,
  bytes: Uint8Array | string,
): Promise<void> => {
  const body = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  await mlflow.send(placeOf(artifactUri, path), body);
};

const placeOf = (artifactUri: string, path: string): string => {
  const root = /^mlflow-artifacts:\/([^/].*)$/.exec(artifactUri)?.[1];
  if (root === undefined) throw refused('artifactUri', artifactUri);
  const segments = [...checked('artifactUri', root), ...checked('path', path)].map(encodeURIComponent);
  return `/api/2.0/mlflow-artifacts/artifacts/${segments.join('/')}`;
};

/** An allow-list: lists of forbidden spellings have been bypassed in MLflow more than once (CVE-2023-1177, -2780, CVE-2026-2614). */
const checked = (field: string, path: string): string[] => {
  const segments = path.split('/');
  if (segments.every((segment) => SEGMENT.test(segment))) return segments;
  throw refused(field, path);
};

const refused = (field: string, value: string): PerennialError =>
  new PerennialError('INVALID_INPUT', 'This is no path for an MLflow artifact', {
    field,
    value: value.slice(0, 200),
    mend: 'Use plain names joined by `/`',
  });

/** The bytes at `path` under an artifact URI of ours; undefined where there are none. */
export const getArtifact = async (
  mlflow: MlflowClient,
  artifactUri: string,
  path: string,
): Promise<Uint8Array | undefined> => mlflow.bytes(placeOf(artifactUri, path));
