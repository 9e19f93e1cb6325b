// The runs of the serving bench, each one part of the page: who asks what, how fast and how long.
import { type Complete, complete, inTurn, mlflow, ours } from './complete.ts';
import { type Crowd, crowd } from './connections.ts';
import { empty, startEmpty } from './empty.ts';
import { type ByKey, readByKey, startFeast } from './feast.ts';
import { atFixedRate, type Latencies } from './fixed-rate.ts';
import { ms, type Question } from './golden.ts';
import { startMlflow } from './mlflow.ts';
import type { AsWhom } from './principals.ts';
import { byKey, ofMany } from './questions.ts';
import type { Scene } from './scene.ts';
import { between, type StageTimes, scrape } from './stages.ts';

export const RATE = 500;
const RATE_SECONDS = 30;
/** Principals who ask at the fixed rate: enough that none exceeds his thousand a minute. With the crowds, a thousand ask. */
export const FEW = 60;
/** Before anybody is measured: V8 goes on compiling what is asked most for about as long. */
export const WARM_SECONDS = 10;
/** Connections, with the seed's average in milliseconds and its success rate. */
export const SEED = [
  [10, 200, 1],
  [100, 350, 0.999],
  [500, 450, 0.995],
  [1_000, 800, 0.95],
] as const;
/** Twice the last row of the seed's table. */
const TOO_MANY = 2_000;
/** Times what the server can answer. */
export const FLOODS = [1.5, 2, 3] as const;
export const FLOOD_ROUNDS = 3;
export const ROWS = 64;
/** Connections at most: usually, when there is too much to do, and to find out what can be done. */
export const CALLERS = { usual: 256, flood: 2_000, able: 32 } as const;
/** Few, where latency counts, and many, where throughput does. */
const PEER_CONNECTIONS = [8, 50] as const;
export const PEER_ROUNDS = 5;
export const FEAST_CONNECTIONS = 8;

export interface AtRate {
  /** The first seconds of the process, in which V8 compiles, and those after them. */
  readonly fresh: Latencies;
  readonly warm: Latencies;
  readonly stages: readonly StageTimes[];
  /** Of the processor, for a request of the warm server. */
  readonly cpuMs: number;
}

export const fixedRate = async (scene: Scene, asWhom: AsWhom): Promise<AtRate> => {
  const question = byKey(scene);
  const few = (request: number) => asWhom(request % FEW);
  const run = (seconds: number, from: number) =>
    atFixedRate(
      scene.url,
      { perSecond: RATE, seconds, warmUp: 0, connections: CALLERS.usual },
      (request) => question(from + request),
      few,
    );
  const fresh = await run(WARM_SECONDS, 0);
  const before = await scrape(scene.url, asWhom(0));
  const warm = await run(RATE_SECONDS, fresh.sent);
  const after = await scrape(scene.url, asWhom(0));
  console.error(`  fixed rate: p99 ${warm.p99.toFixed(1)} ms, before ${fresh.p99.toFixed(1)} ms`);
  const cpuMs = ((after.cpuSeconds - before.cpuSeconds) * 1_000) / warm.sent;
  return { fresh, warm, stages: between(before, after), cpuMs };
};

export type Flood = Latencies & { readonly times: number; readonly perSecond: number };

/** First what it can do, asked by a few who wait for each answer; then more than that. */
export const floods = async (scene: Scene, seconds: number, asWhom: AsWhom): Promise<readonly Flood[]> => {
  const questions = ofMany(scene, ROWS);
  const question = (request: number) => questions[request % questions.length] as Question;
  const few = { connections: CALLERS.able, seconds: Math.min(seconds, 5) };
  const { perSecond: able } = await inTurn(scene.url, questions, few, asWhom);
  console.error(`  ${ROWS} rows a request: ${able.toFixed(0)}/s`);
  const all: Flood[] = [];
  for (const times of Array.from({ length: FLOOD_ROUNDS }, () => FLOODS).flat()) {
    const perSecond = Math.round(able * times);
    const how = { perSecond, seconds, warmUp: 2 * perSecond, connections: CALLERS.flood };
    const found = await atFixedRate(scene.url, how, question, asWhom);
    console.error(
      `  ${perSecond}/s: right ${found.right}, refused ${found.refused}, their p99 ${ms(found.refusals.p99)} ms, wrong ${found.wrong}`,
    );
    all.push({ ...found, times, perSecond });
  }
  return all;
};

export const crowds = async (scene: Scene, seconds: number, asWhom: AsWhom): Promise<readonly Crowd[]> => {
  const all: Crowd[] = [];
  for (const connections of [...SEED.map(([count]) => count), TOO_MANY]) {
    const found = await crowd(scene, { connections, seconds }, asWhom);
    const { perSecond, average, refused, refusedP99 } = found;
    console.error(
      `  ${connections} connections: ${perSecond.toFixed(0)}/s, average ${ms(average)} ms, refused ${refused} (${ms(refusedP99)} ms)`,
    );
    all.push(found);
  }
  return all;
};

export interface Round {
  readonly mlflow: Complete;
  readonly ours: Complete;
}

export const timesOf = ({ ours: mine, mlflow: theirs }: Round): number => mine.perSecond / theirs.perSecond;
export const latenessOf = ({ ours: mine, mlflow: theirs }: Round): number => mine.p99 / theirs.p99;

export interface Beside {
  readonly connections: number;
  /** One after the other in each round, since the machine is another one every minute. */
  readonly rounds: readonly Round[];
  /** What is possible here at all. */
  readonly ceiling: Complete;
}

export const besideMlflow = async (scene: Scene, seconds: number, asWhom: AsWhom): Promise<readonly Beside[]> => {
  const [peer, nothing] = await Promise.all([startMlflow(scene), startEmpty(scene)]);
  const theirs = { url: peer.url, dialect: mlflow };
  const mine = { url: scene.url, dialect: ours };
  const none = { url: nothing.url, dialect: empty };
  const nobody = () => ({});
  try {
    const all: Beside[] = [];
    for (const connections of PEER_CONNECTIONS) {
      await complete(scene, { ...theirs, connections, seconds: WARM_SECONDS }, nobody);
      await complete(scene, { ...mine, connections, seconds: WARM_SECONDS }, asWhom);
      await complete(scene, { ...none, connections, seconds: WARM_SECONDS }, nobody);
      const rounds: Round[] = [];
      for (let round = 0; round < PEER_ROUNDS; round += 1) {
        const fought = {
          mlflow: await complete(scene, { ...theirs, connections, seconds }, nobody),
          ours: await complete(scene, { ...mine, connections, seconds }, asWhom),
        };
        console.error(
          `  ${connections} connections: ${timesOf(fought).toFixed(1)} times MLflow's requests/s at ${latenessOf(fought).toFixed(3)} of its p99`,
        );
        rounds.push(fought);
      }
      all.push({ connections, rounds, ceiling: await complete(scene, { ...none, connections, seconds }, nobody) });
    }
    return all;
  } finally {
    await Promise.all([peer.stop(), nothing.stop()]);
  }
};

export interface BesideFeast {
  readonly ours: Crowd;
  readonly feast: ByKey;
}

export const besideFeast = async (
  scene: Scene,
  { python, seconds, asWhom }: { readonly python: string; readonly seconds: number; readonly asWhom: AsWhom },
): Promise<BesideFeast> => {
  const peer = await startFeast(scene, python);
  try {
    const how = { connections: FEAST_CONNECTIONS, seconds };
    await readByKey(scene, { url: peer.url, ...how, seconds: WARM_SECONDS });
    await crowd(scene, { ...how, seconds: WARM_SECONDS }, asWhom);
    return { feast: await readByKey(scene, { url: peer.url, ...how }), ours: await crowd(scene, how, asWhom) };
  } finally {
    await peer.stop();
  }
};
