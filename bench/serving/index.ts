// `npm run bench -- serving [--seconds N] [--entities N] [--feast PYTHON] [--only rate,overload,connections,mlflow,feast]
// [--out bench/results/serving.md]`: predictions by key at a fixed rate, at more than the server can do and with many connections, and
// feature-complete requests beside `mlflow models serve`. Load generator and server share the machine.
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { median } from '../measure.ts';
import { type Complete, complete, inTurn, mlflow, ours } from './complete.ts';
import { type Crowd, crowd } from './connections.ts';
import { empty, startEmpty } from './empty.ts';
import { type ByKey, readByKey, startFeast } from './feast.ts';
import { atFixedRate, type Latencies } from './fixed-rate.ts';
import type { Question } from './golden.ts';
import { startMlflow } from './mlflow.ts';
import { type AsWhom, principals } from './principals.ts';
import { byKey, ofMany } from './questions.ts';
import { type Scene, setScene, TREES } from './scene.ts';
import { between, type StageTimes, scrape } from './stages.ts';

export interface ServingOptions {
  readonly entities: number;
  readonly seconds: number;
  /** A Python that has Feast, for the comparison with its feature server. */
  readonly feast?: string | undefined;
  /** Parts of the page; without one, all. */
  readonly only?: readonly Part[] | undefined;
  /** Where the page is written, if anywhere. */
  readonly out?: string | undefined;
}

export const parts = ['rate', 'overload', 'connections', 'mlflow', 'feast'] as const;
export type Part = (typeof parts)[number];

const RATE = 500;
const WARM_UP = 3 * RATE;
/** Principals who ask at the fixed rate: enough that none exceeds his thousand a minute. With the crowds, a thousand ask. */
const FEW = 60;
/** Connections, with the seed's average in milliseconds and its success rate. */
const SEED = [
  [10, 200, 1],
  [100, 350, 0.999],
  [500, 450, 0.995],
  [1_000, 800, 0.95],
] as const;
/** Twice the last row of the seed's table. */
const TOO_MANY = 2_000;
/** Times what the server can answer. */
const FLOODS = [1.5, 2, 3] as const;
const FLOOD_ROUNDS = 3;
const ROWS = 64;
/** Connections at most: usually, when there is too much to do, and to find out what can be done. */
const CALLERS = { usual: 256, flood: 2_000, able: 32 } as const;
/** Few, where latency counts, and many, where throughput does. */
const PEER_CONNECTIONS = [8, 50] as const;
const PEER_ROUNDS = 5;
/** Of each rival before he is measured. */
const WARM_SECONDS = 10;
const FEAST_CONNECTIONS = 8;

export const servingBench = async ({
  entities,
  seconds,
  feast,
  only = parts,
  out,
}: ServingOptions): Promise<string> => {
  const scene = await setScene(entities);
  try {
    const page = await measure(scene, { seconds, feast, only });
    if (out !== undefined) {
      await mkdir(path.dirname(out), { recursive: true });
      await writeFile(out, `${page}\n`);
    }
    return page;
  } finally {
    await scene.stop();
  }
};

interface How {
  readonly seconds: number;
  readonly feast: string | undefined;
  readonly only: readonly Part[];
}

const measure = async (scene: Scene, { seconds, feast, only }: How): Promise<string> => {
  const asWhom = await principals(scene.environment);
  const page = [intro(scene, seconds)];
  if (only.includes('rate')) page.push(...(await fixedRate(scene, seconds, asWhom)));
  if (only.includes('mlflow')) page.push(peerTable(await besideMlflow(scene, seconds, asWhom)));
  if (only.includes('feast') && feast !== undefined)
    page.push(keyTable(await besideFeast(scene, feast, seconds, asWhom)));
  // Last, since they leave Postgres with work to do.
  if (only.includes('overload')) page.push(floodTable(await floods(scene, seconds, asWhom)));
  if (only.includes('connections')) page.push(crowdTable(await crowds(scene, seconds, asWhom)));
  return page.join('\n\n');
};

const fixedRate = async (scene: Scene, seconds: number, asWhom: AsWhom): Promise<readonly string[]> => {
  const before = await scrape(scene.url, asWhom(0));
  const few = (request: number) => asWhom(request % FEW);
  const how = { perSecond: RATE, seconds, warmUp: WARM_UP, connections: CALLERS.usual };
  const fixed = await atFixedRate(scene.url, how, byKey(scene), few);
  const after = await scrape(scene.url, asWhom(0));
  const cpuMs = ((after.cpuSeconds - before.cpuSeconds) * 1_000) / (fixed.sent + WARM_UP);
  console.error(`  fixed rate: p99 ${fixed.p99.toFixed(1)} ms`);
  return [fixedTable(fixed), stageTable(between(before, after), cpuMs)];
};

type Flood = Latencies & { readonly times: number; readonly perSecond: number };

/** First what it can do, asked by a few who wait for each answer; then more than that. */
const floods = async (scene: Scene, seconds: number, asWhom: AsWhom): Promise<readonly Flood[]> => {
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

const crowds = async (scene: Scene, seconds: number, asWhom: AsWhom): Promise<readonly Crowd[]> => {
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

interface Round {
  readonly mlflow: Complete;
  readonly ours: Complete;
}

const timesOf = ({ ours: mine, mlflow: theirs }: Round): number => mine.perSecond / theirs.perSecond;
const latenessOf = ({ ours: mine, mlflow: theirs }: Round): number => mine.p99 / theirs.p99;

interface Beside {
  readonly connections: number;
  /** One after the other in each round, since the machine is another one every minute. */
  readonly rounds: readonly Round[];
  /** What is possible here at all. */
  readonly ceiling: Complete;
}

const besideMlflow = async (scene: Scene, seconds: number, asWhom: AsWhom): Promise<readonly Beside[]> => {
  const [peer, nothing] = await Promise.all([startMlflow(scene), startEmpty(scene)]);
  try {
    const theirs = { url: peer.url, dialect: mlflow };
    const mine = { url: scene.url, dialect: ours };
    const none = { url: nothing.url, dialect: empty };
    const nobody = () => ({});
    const all: Beside[] = [];
    for (const connections of PEER_CONNECTIONS) {
      // One uncounted round each, so that all are warm: V8 goes on compiling what is asked most for about as long.
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

const besideFeast = async (scene: Scene, python: string, seconds: number, asWhom: AsWhom) => {
  const peer = await startFeast(scene, python);
  try {
    const how = { connections: FEAST_CONNECTIONS, seconds };
    await readByKey(scene, { url: peer.url, ...how, seconds: 2 });
    await crowd(scene, { ...how, seconds: 2 }, asWhom);
    return { feast: await readByKey(scene, { url: peer.url, ...how }), ours: await crowd(scene, how, asWhom) };
  } finally {
    await peer.stop();
  }
};

const ms = (value: number): string => (Number.isNaN(value) ? '–' : value < 10 ? value.toFixed(2) : value.toFixed(0));
const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const intro = ({ entities, features }: Scene, seconds: number): string =>
  `# Serving, measured

\`npm run bench -- serving --entities ${entities} --seconds ${seconds} --feast <python> --out bench/results/serving.md\` wrote this page. ${TREES} trees × ${features.length} features, ${entities.toLocaleString('en')} entities online,
each asked for once before any is asked for again; ${cpus().length} cores for Postgres, the API (one process) and the load generator together, node ${process.version}. Every body was held
against the probability that ONNX Runtime gives for that entity (≤ 1e-9).`;

const fixedTable = ({ sent, right, refused, wrong, p50, p95, p99, max }: Latencies): string =>
  `## \`/predict\` by key, ${RATE} requests/s for everybody, whatever the server does

Latency counts from the moment at which a request was due (goal: p99 ≤ 10 ms). ${FEW} principals, each with an API key and his limit.

${table(['requests', 'right', 'refused', 'wrong', 'p50, ms', 'p95, ms', 'p99, ms', 'max, ms'], [[sent, right, refused, wrong, ms(p50), ms(p95), ms(p99), ms(max)]])}`;

const floodTable = (all: readonly Flood[]): string => {
  const latest = (times: number) =>
    median(all.filter((flood) => flood.times === times && flood.refused > 0).map(({ refusals }) => refusals.p99));
  return `## More than the server can do

\`/v2/…/infer\` of ${ROWS} rows at a fixed rate, that many times what the server answers to ${CALLERS.able} callers, over up to ${CALLERS.flood.toLocaleString('en')} connections; latency counts from
the moment at which a request was due (goal: who is refused hears of it within 100 ms). One call is dear to the server and cheap to the load
generator, which shares its cores. The slowest hundredth of the refusals, median of ${FLOOD_ROUNDS} rounds: ${FLOODS.map((times) => `${ms(latest(times))} ms at ${times} ×`).join(', ')}.

${table(
  ['load', 'requests/s', 'right/s', 'p50, ms', 'p99, ms', 'refused/s', 'their p50, ms', 'p99, ms', 'max, ms', 'wrong'],
  all.map(({ times, perSecond, sent, right, refused, wrong, p50, p99, refusals }) => {
    const each = (count: number) => ((count * perSecond) / sent).toFixed(0);
    const late = [refusals.p50, refusals.p99, refusals.max].map(ms);
    return [`${times} ×`, perSecond, each(right), ms(p50), ms(p99), each(refused), ...late, wrong];
  }),
)}`;
};

const stageTable = (times: readonly StageTimes[], cpuMs: number): string =>
  `By stage, from the server's own histograms (upper bounds of buckets); of the processor the API took ${cpuMs.toFixed(2)} ms a request:

${table(
  ['stage', 'p50, ms', 'p95, ms', 'p99, ms'],
  times.map(({ stage, p50, p95, p99 }) => [stage, `≤ ${p50}`, `≤ ${p95}`, `≤ ${p99}`]),
)}`;

const crowdTable = (crowds: readonly Crowd[]): string => {
  const goal = (connections: number) => SEED.find(([count]) => count === connections);
  const rows = crowds.map((one) => {
    const seed = goal(one.connections);
    const aim = seed ? `${seed[1]} ms, ${percent(seed[2])}` : '–';
    const { connections, perSecond, average, p50, p95, p99, success, refused, refusedP99, wrong } = one;
    const times = [average, p50, p95, p99].map(ms);
    return [connections, aim, perSecond.toFixed(0), ...times, percent(success), refused, ms(refusedP99), wrong];
  });
  const head = [
    'connections',
    'goal',
    'right/s',
    'average',
    'p50',
    'p95',
    'p99',
    'success',
    'refused',
    'their p99',
    'wrong',
  ];
  return `## Many connections, each asking again at once

1,000 principals in turn. Times in milliseconds, over all answers; wrong counts errors and time-outs too.

${table(head, rows)}`;
};

const peerTable = (all: readonly Beside[]): string =>
  `## Feature-complete requests beside \`mlflow models serve\`

The same trees and the same rows to both, by as many connections, in turn, ${PEER_ROUNDS} rounds; MLflow with its default of workers. Goal: ≥ 20 × its requests/s at
≤ 0.1 × its p99. What is possible: node's own HTTP server that reads the request and answers a constant.

${all.map(besideTable).join('\n\n')}`;

const besideTable = ({ connections, rounds, ceiling }: Beside): string => {
  const rows = rounds.map((round) => [
    round.ours.perSecond.toFixed(0),
    round.mlflow.perSecond.toFixed(0),
    timesOf(round).toFixed(1),
    ms(round.ours.p99),
    ms(round.mlflow.p99),
    latenessOf(round).toFixed(3),
    round.ours.wrong + round.mlflow.wrong,
  ]);
  const middle = (of: (round: Round) => number) => median(rounds.map(of));
  const [times, late] = [middle(timesOf), middle(latenessOf)];
  const head = ['Perennial, requests/s', 'MLflow', 'ratio', 'Perennial, p99, ms', 'MLflow', 'ratio', 'wrong'];
  return `${connections} connections: ${times.toFixed(1)} × its requests/s at ${late.toFixed(3)} × its p99, medians of the rounds' ratios.

${table(head, rows)}

An empty server: ${ceiling.perSecond.toFixed(0)} requests/s, p50 ${ms(ceiling.p50)}, p99 ${ms(ceiling.p99)} ms.`;
};

const keyTable = ({ ours: mine, feast: theirs }: { readonly ours: Crowd; readonly feast: ByKey }): string =>
  `## By key beside Feast's Python feature server

The same rows and ${FEAST_CONNECTIONS} connections. Feast reads all features of one entity from its default store (SQLite) and answers them; ours reads them from
Postgres, scores, answers both and records the prediction. Goal: ≥ 5 × its requests/s at a lower p99.

${duelTable(['Perennial, `/predict`', mine], ['Feast, `/get-online-features`', theirs])}`;

type Measured = Pick<Crowd, 'perSecond' | 'p50' | 'p99' | 'wrong'>;

const duelTable = (...[[ours, mine], [peer, theirs]]: readonly [[string, Measured], [string, Measured]]): string =>
  table(
    ['server', 'requests/s', 'p50, ms', 'p99, ms', 'wrong'],
    [
      [ours, mine.perSecond.toFixed(0), ms(mine.p50), ms(mine.p99), mine.wrong],
      [peer, theirs.perSecond.toFixed(0), ms(theirs.p50), ms(theirs.p99), theirs.wrong],
      [
        'ratio',
        (mine.perSecond / theirs.perSecond).toFixed(1),
        (mine.p50 / theirs.p50).toFixed(2),
        (mine.p99 / theirs.p99).toFixed(2),
        '',
      ],
    ],
  );
