// As many connections as given, each asking again as soon as it was answered (autocannon): success, averages and how soon refusals come.
import type autocannon from 'autocannon';
import { isGolden, spread, type Tally, tally, verdict } from './golden.ts';
import { load } from './load.ts';
import { byKey } from './questions.ts';
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
  const question = byKey(scene);
  let next = 0;
  const setupRequest = (request: autocannon.Request): autocannon.Request => {
    const at = next++;
    return { ...request, body: question(at).body, headers: { 'content-type': 'application/json', ...principal(at) } };
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
          counts[verdict(status, () => isGolden(scene, body))] += 1;
        },
      },
    ],
  };
  const { errors, timeouts, duration } = await load(options, (status, ms) => {
    took.push(ms);
    if (verdict(status, () => true) === 'refused') refused.push(ms);
  });
  const all = counts.right + counts.refused + counts.wrong + errors + timeouts;
  const { p50, p95, p99 } = spread(took);
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
    refusedP99: spread(refused).p99,
  };
};
