// Feature-complete requests, the same rows to both servers: ours by the Open Inference Protocol, MLflow by /invocations; every answer checked.
import type autocannon from 'autocannon';
import { entityOf } from './fixed-rate.ts';
import { isNear, type Question, spread } from './golden.ts';
import { load } from './load.ts';
import { MODEL, type Scene } from './scene.ts';

export interface Complete {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly wrong: number;
}

export interface Dialect {
  readonly path: string;
  body(features: readonly string[], row: Float64Array): string;
  /** Whether an answer says what ONNX Runtime makes of the row. */
  right(body: string, golden: number): boolean;
}

const cells = (row: Float64Array): (number | null)[] =>
  Array.from(row, (value) => (Number.isNaN(value) ? null : value));

/** Rows as tensors of the Open Inference Protocol, a feature each. */
export const tensorsOf = (features: readonly string[], rows: readonly Float64Array[]): string => {
  const values = rows.map(cells);
  const inputs = features.map((name, column) => ({
    name,
    datatype: 'FP64',
    shape: [rows.length],
    data: values.map((row) => row[column]),
  }));
  return JSON.stringify({ inputs });
};

/** Whether an answer of that protocol says just these, in this order. */
export const areSaid = (body: string, golden: readonly number[]): boolean => {
  const data: unknown = JSON.parse(body).outputs?.[0]?.data;
  return Array.isArray(data) && data.length === golden.length && golden.every((value, at) => isNear(data[at], value));
};

export const ours: Dialect = {
  path: `/v2/models/${MODEL}/infer`,
  body: (features, row) => tensorsOf(features, [row]),
  right: (body, golden) => areSaid(body, [golden]),
};

export const mlflow: Dialect = {
  path: '/invocations',
  body: (features, row) => JSON.stringify({ dataframe_split: { columns: features, data: [cells(row)] } }),
  right: (body, golden) => isNear(JSON.parse(body).predictions?.[0], golden),
};

/** Enough bodies that none is answered from a memory. */
const BODIES = 5_000;

export const complete = async (
  scene: Scene,
  { url, dialect, connections, seconds }: { url: string; dialect: Dialect; connections: number; seconds: number },
  principal: (request: number) => Readonly<Record<string, string>>,
): Promise<Complete> => {
  // A row without gaps: how a gap is written down differs between protocols, and is no matter of speed.
  const whole = Array.from({ length: scene.entities }, (_, at) => entityOf(at, scene.entities))
    .filter((entity) => !scene.row(entity).some(Number.isNaN))
    .slice(0, BODIES);
  const questions = whole.map((entity) => ({
    path: dialect.path,
    body: dialect.body(scene.features, scene.row(entity)),
    right: (body: string) => dialect.right(body, scene.golden(entity)),
  }));
  return inTurn(url, questions, { connections, seconds }, principal);
};

/** By so many callers, each of whom asks the next question as soon as he was answered. */
export const inTurn = async (
  url: string,
  questions: readonly Question[],
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
  principal: (request: number) => Readonly<Record<string, string>>,
): Promise<Complete> => {
  const headers = questions.map((_, at) => ({ 'content-type': 'application/json', ...principal(at) }));
  let [next, wrong] = [0, 0];
  const took: number[] = [];
  // A list of all requests would be made ready once for each connection, at the expense of the first seconds.
  const options: autocannon.Options = {
    url,
    connections,
    duration: seconds,
    requests: [
      {
        method: 'POST',
        setupRequest: (request, context) => {
          const at = next++ % questions.length;
          const { path, body, right } = questions[at] as Question;
          Object.assign(context, { right });
          return { ...request, path, headers: headers[at] ?? {}, body };
        },
        onResponse: (status, body, context) => {
          const { right } = context as Question;
          if (status !== 200 || !right(body)) wrong += 1;
        },
      },
    ],
  };
  const { duration, errors, timeouts } = await load(options, (_status, ms) => took.push(ms));
  const { p50, p99 } = spread(took);
  return { perSecond: (took.length - wrong) / duration, p50, p99, wrong: wrong + errors + timeouts };
};
