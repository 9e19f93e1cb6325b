// Requests at a fixed rate, whatever the server does: each is due at its own moment, and its latency counts from then, so that a server
// that stalls is charged for everybody who would have come meanwhile (no coordinated omission).
import { Pool } from 'undici';
import { type Question, spread, type Tally, tally, verdict } from './golden.ts';

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
  /** Milliseconds; of those that were answered. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** Of those that were refused; NaN where there was none. */
  readonly refusals: { readonly p50: number; readonly p99: number; readonly max: number };
}

export const atFixedRate = async (
  url: string,
  { perSecond, seconds, warmUp, connections }: FixedRate,
  question: (request: number) => Question,
  principal: (request: number) => Readonly<Record<string, string>>,
): Promise<Latencies> => {
  const pool = new Pool(url, { connections, pipelining: 1 });
  await letIn(pool, connections);
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
      const { right, ...asks } = question(next);
      const asked = ask(pool, asks, principal(next)).then(({ status, body }) => {
        if (!counted) return;
        const took = performance.now() - at;
        const said = verdict(status, () => right(body));
        counts[said] += 1;
        (said === 'refused' ? refused : answered).push(took);
      });
      open.add(asked.finally(() => open.delete(asked)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
  await pool.close();
  return { ...counts, sent: answered.length + refused.length, ...spread(answered), refusals: spread(refused) };
};

/** All are connected before the clock runs, as callers that keep their connections are. */
const letIn = async (pool: Pool, connections: number): Promise<void> => {
  const greet = async () => (await pool.request({ method: 'GET', path: '/v2/health/live' })).body.dump();
  await Promise.all(Array.from({ length: connections }, greet));
};

/** Entities in an order that repeats only after all of them: no cache is flattered. */
export const entityOf = (request: number, entities: number): number => (request * 7_919 + 13) % entities;

const ask = async (
  pool: Pool,
  { path, body }: Omit<Question, 'right'>,
  principal: Readonly<Record<string, string>>,
): Promise<{ status: number; body: string }> => {
  const headers = { 'content-type': 'application/json', ...principal };
  const answer = await pool.request({ method: 'POST', path, headers, body });
  return { status: answer.statusCode, body: await answer.body.text() };
};
