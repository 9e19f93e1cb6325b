// One call to MLflow's REST interface, checked: for the verbs beside it. No client for Node knows MLflow's registry, hence this one.
// It does not retry; Temporal does.
import { z } from 'zod';
import { type ErrorCode, PerennialError } from '../../core/errors.ts';

export interface MlflowOptions {
  /** Longest wait for one answer. */
  readonly timeoutMs?: number;
  /** Ends calls under way. */
  readonly signal?: AbortSignal;
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
export type Fields = Readonly<Record<string, unknown>>;

/** MLflow said no. `errorCode` is its own word for it: almost all its refusals are HTTP 400, so the status says nothing. */
export class MlflowError extends PerennialError {
  readonly errorCode: string;

  constructor(status: number, errorCode: string, message: string, path: string) {
    const said = `MLflow answers ${status} ${errorCode}: ${message.slice(0, 300)}`;
    super(codeOf(status, errorCode), said, { field: 'path', value: path });
    this.name = 'MlflowError';
    this.errorCode = errorCode;
  }
}

const codeOf = (status: number, errorCode: string): ErrorCode => {
  if (errorCode === 'RESOURCE_ALREADY_EXISTS') return 'CONFLICT';
  if (errorCode === 'RESOURCE_DOES_NOT_EXIST') return 'UNKNOWN_NAME';
  return status >= 500 || status === 429 ? 'UNAVAILABLE' : 'INVALID_INPUT';
};

const Refusal = z.object({ error_code: z.string(), message: z.string().default('') });

export class MlflowClient {
  /** Without a slash at the end. */
  readonly url: string;
  private readonly timeoutMs: number;
  private readonly signal: AbortSignal | undefined;

  /** `url`: address of the server, e.g. `http://127.0.0.1:5000`. */
  constructor(url: string, { timeoutMs = 30_000, signal }: MlflowOptions = {}) {
    this.url = url.replace(/\/+$/, '');
    this.timeoutMs = timeoutMs;
    this.signal = signal;
  }

  /** The same server, with calls that end when `signal` aborts. */
  until(signal: AbortSignal): MlflowClient {
    return new MlflowClient(this.url, { timeoutMs: this.timeoutMs, signal });
  }

  /**
   * One call of `/api/2.0/mlflow/<path>`; a GET's fields go into the query. The answer is read by `schema`, which picks the fields
   * that we use, since MLflow adds fields from version to version. `UNAVAILABLE` if there is no answer, `MlflowError` if it refuses.
   */
  async call<T>(method: Method, path: string, fields: Fields, schema: z.ZodType<T>): Promise<T> {
    const query = method === 'GET' ? `?${searchParams(fields)}` : '';
    const body = method === 'GET' ? {} : { body: JSON.stringify(fields) };
    const headers = { 'content-type': 'application/json' };
    const text = await this.request(`/api/2.0/mlflow/${path}${query}`, { method, headers, ...body });
    const answer = schema.safeParse(jsonOf(text));
    if (answer.success) return answer.data;
    const mend = 'Check that the server is of the pinned MLflow version';
    const message = `MLflow's answer is not understood: ${z.prettifyError(answer.error)}`;
    throw new PerennialError('UNAVAILABLE', message, { field: 'path', value: path, mend });
  }

  /** Sends bytes to a path whose segments were checked by the caller. */
  async send(path: string, bytes: Uint8Array): Promise<void> {
    await this.request(path, { method: 'PUT', body: bytes });
  }

  /** The bytes behind a path whose segments were checked by the caller; undefined where there is nothing. */
  async bytes(path: string): Promise<Uint8Array | undefined> {
    const { status, body } = await this.fetched(path, { method: 'GET' });
    if (status >= 200 && status < 300) return body;
    if (status === 404) return undefined;
    throw refusalOf(status, body.toString('utf8'), path);
  }

  private async request(path: string, init: RequestInit): Promise<string> {
    const { status, body } = await this.fetched(path, init);
    const text = body.toString('utf8');
    if (status >= 200 && status < 300) return text;
    throw refusalOf(status, text, path);
  }

  private async fetched(path: string, init: RequestInit): Promise<{ status: number; body: Buffer }> {
    const timeout = AbortSignal.timeout(this.timeoutMs);
    const signal = this.signal === undefined ? timeout : AbortSignal.any([this.signal, timeout]);
    try {
      const response = await fetch(this.url + path, { ...init, signal, redirect: 'error' });
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
    } catch (cause) {
      if (this.signal?.aborted) throw cause;
      const mend = 'Start it with `npx perennial up`, or set MLFLOW_TRACKING_URI';
      throw new PerennialError('UNAVAILABLE', 'MLflow does not answer', { field: 'url', value: this.url, mend, cause });
    }
  }
}

const refusalOf = (status: number, text: string, path: string): MlflowError => {
  const refusal = Refusal.safeParse(jsonOf(text));
  // A proxy or a crashed handler answers in HTML.
  const { error_code, message } = refusal.success ? refusal.data : { error_code: 'NO_ERROR_CODE', message: text };
  return new MlflowError(status, error_code, message, path.replace(/\?.*/, ''));
};

/** A literal in MLflow's search language, which knows no escapes. `INVALID_INPUT` for text with a quote. */
export const quoted = (text: string): string => {
  if (/^[^'"`\\]*$/.test(text)) return `'${text}'`;
  throw new PerennialError('INVALID_INPUT', 'MLflow cannot search for text with quotes', {
    field: 'text',
    value: text,
  });
};

/** For calls whose answer does not matter. */
export const Ignored = z.unknown();

/** Tags and parameters travel as lists of pairs. */
export const pairs = (record: Readonly<Record<string, string>>): { key: string; value: string }[] =>
  Object.entries(record).map(([key, value]) => ({ key, value }));

const searchParams = (fields: Fields): string =>
  new URLSearchParams(
    Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the schema that reads it next says so.
    return undefined;
  }
};
