// Feature-complete requests, the same rows to both servers: ours by the Open Inference Protocol, MLflow by /invocations; every answer checked.
import type autocannon from 'autocannon';
import { entityOf } from './fixed-rate.ts';
import { isNear, quantile } from './golden.ts';
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

export const cells = (row: Float64Array): (number | null)[] =>
  Array.from(row, (value) => (Number.isNaN(value) ? null : value));

export const ours: Dialect = {
  path: `/v2/models/${MODEL}/infer`,
  body: (features, row) => {
    const data = cells(row);
    const inputs = features.map((name, at) => ({ name, datatype: 'FP64', shape: [1], data: [data[at]] }));
    return JSON.stringify({ inputs });
  },
  right: (body, golden) => isNear(JSON.parse(body).outputs?.[0]?.data?.[0], golden),
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
  let wrong = 0;
  const took: number[] = [];
  // Made whole beforehand: what the generator does for a request, the server cannot use.
  const requests = whole.map(
    (entity, at): autocannon.Request => ({
      method: 'POST',
      path: dialect.path,
      headers: { 'content-type': 'application/json', ...principal(at) },
      body: dialect.body(scene.features, scene.row(entity)),
      onResponse: (status, body) => {
        if (status !== 200 || !dialect.right(body, scene.golden(entity))) wrong += 1;
      },
    }),
  );
  const options: autocannon.Options = { url: `${url}${dialect.path}`, connections, duration: seconds, requests };
  const { duration, errors, timeouts } = await load(options, (_status, ms) => took.push(ms));
  const sorted = Float64Array.from(took).sort();
  return {
    perSecond: (took.length - wrong) / duration,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    wrong: wrong + errors + timeouts,
  };
};
