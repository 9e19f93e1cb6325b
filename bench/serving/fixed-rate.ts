// Requests at a fixed rate, whatever the server does: each is due at its own moment, and its latency counts from then, so that a server
// that stalls is charged for everybody who would have come meanwhile (no coordinated omission).
import http from 'node:http';
import { judged, quantile, type Tally, tally } from './golden.ts';
import type { Scene } from './scene.ts';

export interface FixedRate {
  readonly perSecond: number;
  readonly seconds: number;
  /** Requests at the beginning that are sent but not counted. */
  readonly warmUp: number;
}

export interface Latencies extends Tally {
  readonly sent: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export const atFixedRate = async (
  scene: Scene,
  { perSecond, seconds, warmUp }: FixedRate,
  principal: (request: number) => Readonly<Record<string, string>>,
): Promise<Latencies> => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });
  const counts = tally();
  const took: number[] = [];
  const total = warmUp + perSecond * seconds;
  const open = new Set<Promise<void>>();
  const begun = performance.now() + 100;
  for (let next = 0; next < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - begun) * perSecond) / 1_000) + 1);
    for (; next < due; next += 1) {
      const at = begun + (next * 1_000) / perSecond;
      const counted = next >= warmUp;
      const asked = predict(scene, agent, next, principal(next)).then(({ status, body }) => {
        if (!counted) return;
        took.push(performance.now() - at);
        judged(scene, counts, status, body);
      });
      open.add(asked.finally(() => open.delete(asked)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
  agent.destroy();
  const sorted = Float64Array.from(took).sort();
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(sorted, share)) as [number, number, number];
  return { ...counts, sent: took.length, p50, p95, p99, max: sorted.at(-1) ?? Number.NaN };
};

/** Entities in an order that repeats only after all of them: no cache is flattered. */
export const entityOf = (request: number, entities: number): number => (request * 7_919 + 13) % entities;

const predict = (
  scene: Scene,
  agent: http.Agent,
  request: number,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({ user_id: String(entityOf(request, scene.entities)) });
    const about = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers };
    const asked = http.request(`${scene.url}/predict`, { method: 'POST', agent, headers: about }, (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (part: string) => {
        text += part;
      });
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: text }));
      reply.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body);
  });
