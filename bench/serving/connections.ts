// As many connections as given, each asking again as soon as it was answered (autocannon): success, averages and how soon refusals come.
import type autocannon from 'autocannon';
import { entityOf } from './fixed-rate.ts';
import { judged, quantile, type Tally, tally } from './golden.ts';
import { load } from './load.ts';
import type { Scene } from './scene.ts';

export interface Crowd extends Tally {
  readonly connections: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly average: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Share answered rightly, of all that were asked. */
  readonly success: number;
  /** 99th percentile of the refusals, milliseconds; NaN where there was none. */
  readonly refusedP99: number;
}

export const crowd = async (
  scene: Scene,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
  principal: (request: number) => Readonly<Record<string, string>>,
): Promise<Crowd> => {
  const counts = tally();
  const took: number[] = [];
  const refused: number[] = [];
  let next = 0;
  const setupRequest = (request: autocannon.Request): autocannon.Request => {
    const at = next++;
    const body = JSON.stringify({ user_id: String(entityOf(at, scene.entities)) });
    return { ...request, body, headers: { 'content-type': 'application/json', ...principal(at) } };
  };
  const options: autocannon.Options = {
    url: `${scene.url}/predict`,
    connections,
    duration: seconds,
    timeout: 10,
    requests: [
      {
        method: 'POST',
        path: '/predict',
        setupRequest,
        onResponse: (status, body) => {
          judged(scene, counts, status, body);
        },
      },
    ],
  };
  const { errors, timeouts, duration } = await load(options, (status, ms) => {
    took.push(ms);
    if (status === 429 || status === 503) refused.push(ms);
  });
  const sorted = Float64Array.from(took).sort();
  const all = counts.right + counts.refused + counts.wrong + errors + timeouts;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(sorted, share)) as [number, number, number];
  return {
    ...counts,
    wrong: counts.wrong + errors + timeouts,
    connections,
    perSecond: counts.right / duration,
    average: took.reduce((sum, ms) => sum + ms, 0) / took.length,
    p50,
    p95,
    p99,
    success: counts.right / all,
    refusedP99: quantile(Float64Array.from(refused).sort(), 0.99),
  };
};
