// The page that the serving bench writes: who asked what, what came of it, and the goals beside it.
import { cpus } from 'node:os';
import { median } from '../measure.ts';
import type { Crowd } from './connections.ts';
import type { Latencies } from './fixed-rate.ts';
import { ms } from './golden.ts';
import {
  type AtRate,
  type Beside,
  type BesideFeast,
  CALLERS,
  FEAST_CONNECTIONS,
  FEW,
  FLOOD_ROUNDS,
  FLOODS,
  type Flood,
  latenessOf,
  PEER_ROUNDS,
  RATE,
  ROWS,
  type Round,
  SEED,
  timesOf,
  WARM_SECONDS,
} from './runs.ts';
import { type Scene, TREES } from './scene.ts';

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

export const intro = ({ entities, features }: Scene, seconds: number): string =>
  `# Serving, measured

\`npm run bench -- serving --entities ${entities} --seconds ${seconds} --feast <python> --out bench/results/serving.md\` wrote this page. ${TREES} trees × ${features.length} features, ${entities.toLocaleString('en')} entities online,
each asked for once before any is asked for again; ${cpus().length} cores for Postgres, the API (one process) and the load generator together, node ${process.version}. Every body was held
against the probability that ONNX Runtime gives for that entity (≤ 1e-9).`;

export const rateTables = ({ fresh, warm, stages, cpuMs }: AtRate): string =>
  `## \`/predict\` by key, ${RATE} requests/s for everybody, whatever the server does

Latency counts from the moment at which a request was due (goal: p99 ≤ 10 ms). ${FEW} principals, each with an API key and his limit.

${table(
  ['server', 'requests', 'right', 'refused', 'wrong', 'p50, ms', 'p95, ms', 'p99, ms', 'max, ms'],
  [
    [`the first ${WARM_SECONDS} s of its process`, ...latencyCells(fresh)],
    ['after them', ...latencyCells(warm)],
  ],
)}

By stage, after those seconds, from the server's own histograms (upper bounds of buckets); of the processor the API took ${cpuMs.toFixed(2)} ms a request:

${table(
  ['stage', 'p50, ms', 'p95, ms', 'p99, ms'],
  stages.map(({ stage, p50, p95, p99 }) => [stage, `≤ ${p50}`, `≤ ${p95}`, `≤ ${p99}`]),
)}`;

const latencyCells = ({ sent, right, refused, wrong, p50, p95, p99, max }: Latencies) => [
  sent,
  right,
  refused,
  wrong,
  ...[p50, p95, p99, max].map(ms),
];

export const floodTable = (all: readonly Flood[]): string => {
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

export const crowdTable = (crowds: readonly Crowd[]): string => {
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

export const peerTable = (all: readonly Beside[]): string =>
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

export const keyTable = ({ ours: mine, feast: theirs }: BesideFeast): string =>
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
