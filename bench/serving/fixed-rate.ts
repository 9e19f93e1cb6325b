// Requests at a fixed rate, whatever the server does: each is due at its own moment, and its latency counts from then, so that a server
// that stalls is charged for everybody who would have come meanwhile (no coordinated omission).
import { Pool } from 'undici';
import { judged, quantile, type Tally, tally } from './golden.ts';
import type { Scene } from './scene.ts';

export interface FixedRate {
  readonly perSecond: number;
  readonly seconds: number;
  /** Requests at the beginning that are sent but not counted. */
  readonly warmUp: number;
  /** At most so many at once; who finds none free waits, and the clock runs. */
  readonly connections: number;
}

export interface Latencies extends Tally {
  readonly sent: number;
  /** Milliseconds; of those that were answered rightly. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** Of those that were refused; NaN where there was none. */
  readonly refusals: { readonly p50: number; readonly p99: number; readonly max: number };
}

export const atFixedRate = async (
  scene: Scene,
  { perSecond, seconds, warmUp, connections }: FixedRate,
  principal: (request: number) => Readonly<Record<string, string>>,
): Promise<Latencies> => {
  const pool = new Pool(scene.url, { connections, pipelining: 1 });
  const counts = tally();
  const answered: number[] = [];
  const refused: number[] = [];
  const total = warmUp + perSecond * seconds;
  const open = new Set<Promise<void>>();
  const begun = performance.now() + 100;
  for (let next = 0; next < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - begun) * perSecond) / 1_000) + 1);
    for (; next < due; next += 1) {
      const at = begun + (next * 1_000) / perSecond;
      const counted = next >= warmUp;
      const asked = predict(scene, pool, next, principal(next)).then(({ status, body }) => {
        if (!counted) return;
        const took = performance.now() - at;
        const before = counts.refused;
        judged(scene, counts, status, body);
        (counts.refused > before ? refused : answered).push(took);
      });
      open.add(asked.finally(() => open.delete(asked)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
  await pool.close();
  return { ...counts, sent: answered.length + refused.length, ...spread(answered), refusals: spread(refused) };
};

const spread = (took: readonly number[]) => {
  const sorted = Float64Array.from(took).sort();
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(sorted, share)) as [number, number, number];
  return { p50, p95, p99, max: sorted.at(-1) ?? Number.NaN };
};

/** Entities in an order that repeats only after all of them: no cache is flattered. */
export const entityOf = (request: number, entities: number): number => (request * 7_919 + 13) % entities;

const predict = async (
  scene: Scene,
  pool: Pool,
  request: number,
  principal: Readonly<Record<string, string>>,
): Promise<{ status: number; body: string }> => {
  const body = JSON.stringify({ user_id: String(entityOf(request, scene.entities)) });
  const headers = { 'content-type': 'application/json', ...principal };
  const answer = await pool.request({ method: 'POST', path: '/predict', headers, body });
  return { status: answer.statusCode, body: await answer.body.text() };
};
